"""Which channel of a file is heard: one by its number, or the mean of all."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...errors import AudioError

Channel: TypeAlias = Annotated[int, Field(ge=0)] | Literal["mix"]
"""A channel counted from 0, or ``"mix"``: the mean of all channels."""

MIX: Literal["mix"] = "mix"


def resolve_channel(channel: Channel | None, channels: int, name: str) -> Channel:
    """What to hear of a file.

    Args:
        channel: what was asked for, if anything was.
        channels: how many the file has.
        name: what errors call it.

    Raises:
        AudioError: there are several channels and none was chosen, or not the one.
    """
    if channel is None and channels > 1:
        raise AudioError(f"{name}: has {channels} channels, one is needed; {channel_hint(channels)}")
    if channel == MIX:
        return MIX if channels > 1 else 0
    if channel is not None and not 0 <= channel < channels:
        raise AudioError(f"{name}: has no channel {channel}; its channels are 0 .. {channels - 1}")
    return channel or 0


def channel_hint(channels: int) -> str:
    """What to do with a file of several channels."""
    return f"choose with --channel 0 .. {channels - 1}, or hear all of them with --channel mix"


def select_channel(samples: NDArray[np.float32], channel: Channel) -> NDArray[np.float32]:
    """What is heard ``[S]`` of ``samples[S, channels]``."""
    one = samples.mean(axis=1) if channel == MIX else samples[:, channel]
    return np.ascontiguousarray(one, dtype=np.float32)

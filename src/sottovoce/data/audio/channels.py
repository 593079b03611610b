"""Which channel of a file is used: one by its number, or the mean of all."""

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
    """The channel of a file to use, as a number or ``"mix"``.

    Args:
        channel: the channel that the user chose; ``None`` is allowed for a file with one channel.
        channels: the number of channels in the file.
        name: the file's name in error messages.

    Raises:
        AudioError: the file has several channels and none was chosen, or it has no such channel.
    """
    if channel is None and channels > 1:
        raise AudioError(f"{name}: has {channels} channels, one is needed; {channel_hint(channels)}")
    if channel == MIX:
        return MIX if channels > 1 else 0
    if channel is not None and not 0 <= channel < channels:
        raise AudioError(f"{name}: has no channel {channel}; its channels are 0 .. {channels - 1}")
    return channel or 0


def channel_hint(channels: int) -> str:
    """How to choose a channel, as the last part of an error message."""
    return f"choose with --channel 0 .. {channels - 1}, or take the mean of all with --channel mix"


def select_channel(samples: NDArray[np.float32], channel: Channel) -> NDArray[np.float32]:
    """One channel ``[S]`` of ``samples[S, channels]``, or the mean of all."""
    one = samples.mean(axis=1) if channel == MIX else samples[:, channel]
    return np.ascontiguousarray(one, dtype=np.float32)

"""Which cuts training can use, as far as a manifest says: what it refuses, import and check refuse, too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import AudioError
from ...quantities import SAMPLE_RATE
from ..audio.channels import channel_hint
from ..audio.frames import FRAME_LENGTH
from .shar import SHAR, Member

if TYPE_CHECKING:
    from lhotse.cut import Cut

TOLERANCE = 0.1
"""Seconds by which a listed time may differ from the file's."""


def cut_faults(cut: Cut) -> list[str]:
    """Why a cut cannot be heard by training and evaluation; nothing where it can. No file is opened.

    Args:
        cut: of any kind.
    """
    faults = [*_unheard(cut), *supervision_faults(cut)]
    if not math.isfinite(cut.duration) or cut.duration * SAMPLE_RATE < FRAME_LENGTH - 1e-6:
        faults.append(f"is too short: {cut.duration:.4f} s, one frame needs 0.025 s")
    return faults


def _unheard(cut: Cut) -> list[str]:
    """What is wrong with the audio that it names."""
    faults = []
    parts: list[Any] = [getattr(track, "cut", track) for track in getattr(cut, "tracks", None) or [cut]]
    if not any(getattr(part, "recording", None) is not None for part in parts):
        return [f"has no audio: it is a {type(cut).__name__} without a recording"]
    for part in parts:
        if (recording := getattr(part, "recording", None)) is None:
            continue
        faults += [each for each in map(_undone, recording.transforms or []) if each is not None]
        for source in recording.sources:
            if source.type not in ("file", "memory", SHAR):
                faults.append(f"its audio is a {source.type}; only files are read")
            elif source.type == SHAR:
                try:
                    Member.of(source.source)
                except AudioError as error:
                    faults.append(str(error))
        named = [part.channel] if isinstance(part.channel, int) else list(part.channel)
        if unknown := [each for each in named if each not in recording.channel_ids]:
            faults.append(f"has no channel {unknown[0]}; its channels are {', '.join(map(str, recording.channel_ids))}")
        if len(named) != 1 and not _mixed(part):
            told = channel_hint(len(named)) if named else "give it one"
            faults.append(
                f"has {len(named)} channels, and a cut that is heard has one; import the recordings and {told}"
            )
        start, end = part.start, part.start + part.duration
        if not 0 <= start < end <= recording.duration + TOLERANCE:
            faults.append(f"is from {start:.3f} to {end:.3f} s of a recording of {recording.duration:.3f} s")
    return faults


def _undone(transform: Any) -> str | None:
    """Why a change that Lhotse makes to a recording when it is loaded cannot be made here: tried on a tenth of a second."""
    from lhotse.augmentation import AudioTransform

    try:
        if isinstance(transform, dict):
            transform = AudioTransform.from_dict(transform)
        transform(np.zeros((1, SAMPLE_RATE // 10), np.float32), SAMPLE_RATE)
    except Exception as error:  # whatever its many backends raise
        name = transform.get("name") if isinstance(transform, dict) else type(transform).__name__
        return f"is changed by {name}, which Lhotse cannot do here ({(str(error).splitlines() or [type(error).__name__])[0]})"
    return None


def _mixed(cut: Cut) -> bool:
    from .cuts import channel_of

    return channel_of(cut) is not None


def supervision_faults(cut: Cut) -> list[str]:
    """What is wrong with the times of a cut's supervisions. Those that are partly inside are not: cuts are cut so."""
    return [
        f"the supervision {said.id} from {said.start:.3f} to {said.end:.3f} s is not inside its {cut.duration:.3f} s"
        for said in cut.supervisions
        if not (said.duration > 0 and said.end > 0 and said.start < cut.duration)
    ]

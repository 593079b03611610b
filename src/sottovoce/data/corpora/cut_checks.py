"""Checks of a cut by its manifest alone. Training, import and ``data check`` all use them, so they refuse the same cuts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import AudioError
from ...quantities import SAMPLE_RATE
from ..audio.channels import channel_hint
from ..audio.frames import FRAME_LENGTH
from .cuts import channel_of
from .shar import SHAR, Member

if TYPE_CHECKING:
    from lhotse.cut import Cut

TOLERANCE = 0.1
"""Maximum difference in seconds between a listed time and that of the file."""


def cut_faults(cut: Cut) -> list[str]:
    """The faults for which training and evaluation cannot use a cut; empty if they can. No file is opened.

    Args:
        cut: a cut of any type.
    """
    faults = [*_audio_faults(cut), *supervision_faults(cut)]
    if not math.isfinite(cut.duration) or cut.duration * SAMPLE_RATE < FRAME_LENGTH - 1e-6:
        faults.append(f"is too short: {cut.duration:.4f} s, one frame needs 0.025 s")
    return faults


def _audio_faults(cut: Cut) -> list[str]:
    """The faults of the audio that a cut refers to."""
    faults = []
    parts: list[Any] = [getattr(track, "cut", track) for track in getattr(cut, "tracks", None) or [cut]]
    if not any(getattr(part, "recording", None) is not None for part in parts):
        return [f"has no audio: it is a {type(cut).__name__} without a recording"]
    for part in parts:
        if (recording := getattr(part, "recording", None)) is None:
            continue
        faults += [each for each in map(_transform_fault, recording.transforms or []) if each is not None]
        for source in recording.sources:
            if source.type not in ("file", "memory", SHAR):
                faults.append(f"its audio is a {source.type}; only files are read")
            elif source.type == SHAR:
                try:
                    Member.from_source(source.source)
                except AudioError as error:
                    faults.append(str(error))
        channels = [part.channel] if isinstance(part.channel, int) else list(part.channel)
        if unknown := [each for each in channels if each not in recording.channel_ids]:
            faults.append(f"has no channel {unknown[0]}; its channels are {', '.join(map(str, recording.channel_ids))}")
        if len(channels) != 1 and channel_of(part) is None:
            hint = channel_hint(len(channels)) if channels else "give it one"
            faults.append(f"has {len(channels)} channels, and a cut must have one; import the recordings and {hint}")
        start, end = part.start, part.start + part.duration
        if not 0 <= start < end <= recording.duration + TOLERANCE:
            faults.append(f"is from {start:.3f} to {end:.3f} s of a recording of {recording.duration:.3f} s")
    return faults


def _transform_fault(transform: Any) -> str | None:
    """Why a transform of Lhotse cannot be applied on this machine, found by applying it to 0.1 s of audio."""
    from lhotse.augmentation import AudioTransform

    try:
        if isinstance(transform, dict):
            transform = AudioTransform.from_dict(transform)
        transform(np.zeros((1, SAMPLE_RATE // 10), np.float32), SAMPLE_RATE)
    except Exception as error:  # the backends of Lhotse raise errors of many types
        name = transform.get("name") if isinstance(transform, dict) else type(transform).__name__
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return f"is transformed by {name}, which Lhotse cannot do here ({reason})"
    return None


def supervision_faults(cut: Cut) -> list[str]:
    """Faults for supervisions that lie outside of a cut. They may be partly outside, as after cutting a recording."""
    return [
        f"the supervision {each.id} from {each.start:.3f} to {each.end:.3f} s is not inside its {cut.duration:.3f} s"
        for each in cut.supervisions
        if not (each.duration > 0 and each.end > 0 and each.start < cut.duration)
    ]

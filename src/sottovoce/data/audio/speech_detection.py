"""Where there is speech, by loudness alone: good enough for clean recordings of one speaker, and a baseline for others."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...quantities import SAMPLE_RATE
from .acoustics import Wave
from .frames import FRAME_LENGTH, FRAME_STEP, frame_count

_QUIETEST = -90.0
_FLOOR = 45.0
"""Decibels below the loudest speech at which background is taken to be, where it is even quieter."""


def detect_speech(
    wave: Wave, *, share: float = 0.35, shortest: float = 0.1, pause: float = 0.2
) -> list[tuple[float, float]]:
    """Start and end, in seconds, of what is loud: ``share`` of the way (in decibels) from background to speech or more.

    Background and speech are the 5 % and 95 % quantiles of the levels of frames (25 ms every 20 ms).

    Args:
        wave: ``[S]`` at 16 kHz.
        share: 0..1 of the way.
        shortest: seconds; what is loud for less is a click.
        pause: seconds; what is quiet for less lies within speech.
    """
    T = frame_count(len(wave))
    if T == 0 or not np.any(wave):
        return []
    framed = sliding_window_view(wave, FRAME_LENGTH)[::FRAME_STEP][:T]
    level = 10 * np.log10(np.maximum(np.square(framed, dtype=np.float64).mean(1), 10 ** (_QUIETEST / 10)))
    background, speech = np.quantile(level, [0.05, 0.95])
    background = max(background, speech - _FLOOR)
    edges = np.flatnonzero(np.diff(level >= background + share * (speech - background), prepend=False, append=False))
    found: list[tuple[float, float]] = []
    early = (FRAME_LENGTH - FRAME_STEP) / 2
    for first, last in edges.reshape(-1, 2).tolist():
        start, end = ((FRAME_STEP * frame + early) / SAMPLE_RATE for frame in (first, last))
        if found and start - found[-1][1] < pause:
            start = found.pop()[0]
        found.append((start, end))
    return [(a, b) for a, b in found if b - a >= shortest]

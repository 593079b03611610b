"""Energy-based voice activity detection: good enough for clean recordings of one speaker, and a baseline for others."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...quantities import SAMPLE_RATE
from .acoustics import Wave
from .frames import FRAME_LENGTH, FRAME_STEP, frame_count

_QUIETEST = -90.0
_FLOOR = 45.0
"""The level of the background is taken to be at most this many decibels below the level of speech."""


def detect_speech(
    wave: Wave, *, share: float = 0.35, shortest: float = 0.1, pause: float = 0.2
) -> list[tuple[float, float]]:
    """Start and end, in seconds, of each stretch of speech.

    A frame (25 ms every 20 ms) is speech where its level is at least ``share`` of the way, in decibels, from the level of
    the background to that of speech: the 5 % and 95 % quantiles of the levels of all frames.

    Args:
        wave: ``[S]`` at 16 kHz.
        share: position of the threshold between background (0) and speech (1).
        shortest: shortest stretch of speech in seconds; shorter ones are dropped as clicks.
        pause: shortest pause in seconds; shorter ones are part of the speech around them.
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
    offset = (FRAME_LENGTH - FRAME_STEP) / 2
    for first, last in edges.reshape(-1, 2).tolist():
        start, end = ((FRAME_STEP * frame + offset) / SAMPLE_RATE for frame in (first, last))
        if found and start - found[-1][1] < pause:
            start = found.pop()[0]
        found.append((start, end))
    return [(a, b) for a, b in found if b - a >= shortest]

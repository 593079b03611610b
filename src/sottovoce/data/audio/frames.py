"""The frames that encoders see: 25 ms of audio every 20 ms.

samples    0        320       400      640      720
frame 0    |------------------|
frame 1             |-------------------|
"""

from __future__ import annotations

FRAME_STEP = 320
"""Samples at 16 kHz from one frame to the next (20 ms)."""

FRAME_LENGTH = 400
"""Samples at 16 kHz of one frame (25 ms); shorter audio has no frame at all."""


def frame_count(samples: int) -> int:
    """The number of frames in a number of samples at 16 kHz: 8 s have 399 frames."""
    return max(0, (samples - FRAME_LENGTH) // FRAME_STEP + 1)


def samples_for_frames(frames: int) -> int:
    """The smallest number of samples at 16 kHz that has this number of frames."""
    return (frames - 1) * FRAME_STEP + FRAME_LENGTH

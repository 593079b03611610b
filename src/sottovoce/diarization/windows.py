"""Overlapping windows over audio that is not in memory as a whole.

blocks      |------|------|------|--        as they are decoded
windows     |---------|                     0
                |---------|                 hop
                     |---------|            moved back, to end where the audio ends
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..data.audio.frames import FRAME_STEP, frame_count
from ..errors import DataError
from ..quantities import SAMPLE_RATE

Wave = NDArray[np.float32]
Audio = Callable[[], Iterable[Wave]]
"""Blocks of any size of one recording at 16 kHz, in order; every call starts again."""


def sliding_windows(blocks: Iterable[Wave], size: int, hop: int) -> Iterator[tuple[int, Wave]]:
    """Windows and the frame at which each starts; together they contain every frame.

    Args:
        blocks: consecutive waveforms ``[S]`` at 16 kHz.
        size: number of samples of a window; shorter audio is one window.
        hop: number of samples from one window to the next.

    Raises:
        DataError: the windows would leave gaps, or would not start at a frame.
    """
    if hop % FRAME_STEP or not 0 < hop <= frame_count(size) * FRAME_STEP:
        raise DataError(
            f"windows: a step of {hop / SAMPLE_RATE:g} s does not fit windows of {size / SAMPLE_RATE:g} s; it is a"
            " multiple of 0.02 s, and no more than the window"
        )
    pending = np.zeros(0, np.float32)
    start = 0  # first sample of `pending`; `yielded`: whether the window that starts there has been yielded
    yielded = False
    for block in blocks:
        pending = np.concatenate([pending, block])
        while len(pending) >= size + yielded * hop:
            if yielded:
                pending, start = pending[hop:], start + hop
            yield start // FRAME_STEP, pending[:size]
            yielded = True
    total = start + len(pending)
    if not yielded:
        if frame_count(total):
            yield 0, pending
    elif frame_count(total) > start // FRAME_STEP + frame_count(size):
        back = frame_count(total) - frame_count(size)
        yield back, pending[back * FRAME_STEP - start :][:size]

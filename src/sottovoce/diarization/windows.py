"""Overlapping windows over audio that is never in memory as a whole.

blocks      |------|------|------|--        as they are decoded
windows     |---------|                     0
                |---------|                 hop
                     |---------|            moved back, so that it ends where the audio ends
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
    """Windows with the frame that each starts at; together they have every frame.

    Args:
        blocks: consecutive audio.
        size: samples of a window; audio shorter than that is one window.
        hop: samples from one to the next.

    Raises:
        DataError: windows that leave gaps, or do not start with a frame.
    """
    if hop % FRAME_STEP or not 0 < hop <= frame_count(size) * FRAME_STEP:
        raise DataError(
            f"windows: a step of {hop / SAMPLE_RATE:g} s does not do for windows of {size / SAMPLE_RATE:g} s; it is a"
            " multiple of 0.02 s, and no more than the window"
        )
    held = np.zeros(0, np.float32)
    start = 0  # of what is held; the window from there has been given if `given`
    given = False
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= size + given * hop:
            if given:
                held, start = held[hop:], start + hop
            yield start // FRAME_STEP, held[:size]
            given = True
    total = start + len(held)
    if not given:
        if frame_count(total):
            yield 0, held
    elif frame_count(total) > start // FRAME_STEP + frame_count(size):
        back = frame_count(total) - frame_count(size)
        yield back, held[back * FRAME_STEP - start :][:size]

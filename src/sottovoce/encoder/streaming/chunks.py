"""Attention in chunks of frames, so that an encoder can start before the end of an utterance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import StreamingError


@dataclass(frozen=True)
class Chunks:
    """Every frame attends to its own chunk and to ``left`` chunks before it (chunked attention, Zhang et al. 2020, U2)::

        size 2, left 1          key   0 1 2 3 4 5 6 7
                     query 0, 1       x x
                           2, 3       x x x x
                           4, 5           x x x x
                           6, 7               x x x x

    Each layer looks back this far, so the receptive field grows with the layers.

    Args:
        size: number of frames in a chunk.
        left: number of chunks before its own that a frame attends to.

    Raises:
        StreamingError: ``size`` below 1, or ``left`` below 0.
    """

    size: int
    left: int = 4

    def __post_init__(self) -> None:
        if self.size < 1 or self.left < 0:
            raise StreamingError(
                f"chunks of {self.size} frames that see {self.left} chunks back: at least 1 frame and 0 chunks are needed"
            )

    @property
    def past(self) -> int:
        """Number of frames before its chunk that a frame attends to."""
        return self.size * self.left

    def mask(self, frames: int, device: torch.device | None = None) -> Tensor:
        """``[T, T]``, True where query ``i`` (row) attends to key ``j``."""
        chunk = torch.arange(frames, device=device) // self.size
        back = chunk[:, None] - chunk[None, :]
        return (back >= 0) & (back <= self.left)

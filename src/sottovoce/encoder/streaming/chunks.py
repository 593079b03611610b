"""Attention in chunks of frames: what lets an encoder begin before an utterance has ended."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import StreamingError


@dataclass(frozen=True)
class Chunks:
    """Every frame sees all of its own chunk and so many chunks before it (chunked attention: Zhang et al. 2020, U2)::

        size 2, left 1          key   0 1 2 3 4 5 6 7
                     query 0, 1       x x
                           2, 3       x x x x
                           4, 5           x x x x
                           6, 7               x x x x

    Each layer looks back as far again, so the last one hears more than this.

    Args:
        size: frames of a chunk.
        left: chunks before a frame's own that it sees.

    Raises:
        StreamingError: a chunk without a frame, or a negative number of chunks.
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
        """Frames before its chunk that a frame sees."""
        return self.size * self.left

    def mask(self, frames: int, device: torch.device | None = None) -> Tensor:
        """``[T, T]``, True where query ``i`` (row) sees key ``j``."""
        chunk = torch.arange(frames, device=device) // self.size
        back = chunk[:, None] - chunk[None, :]
        return (back >= 0) & (back <= self.left)

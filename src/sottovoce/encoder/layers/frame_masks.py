"""Masks ``[B, T]`` that are True where a frame (or sample, or label) lies before the end of its utterance."""

from __future__ import annotations

import torch
from torch import Tensor


def frame_mask(lengths: Tensor, size: int) -> Tensor:
    """Mask ``[B, size]`` of utterances of ``lengths[B]`` frames.

    >>> frame_mask(torch.tensor([3, 1]), 3)
    tensor([[ True,  True,  True],
            [ True, False, False]])
    """
    return torch.arange(size, device=lengths.device) < lengths[:, None]


def mask_if_padded(lengths: Tensor | None, size: int) -> Tensor | None:
    """`frame_mask`, or ``None`` if no utterance of the batch is padded."""
    if lengths is None or not (lengths.is_meta or bool((lengths < size).any())):
        return None
    return frame_mask(lengths, size)

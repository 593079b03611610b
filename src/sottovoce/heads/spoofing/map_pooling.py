"""The largest of each three frames and three features: how a map of hidden states is made coarse before it is read."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor
from torch.nn import functional as F

from ...encoder.layers.frame_masks import frame_mask, mask_if_padded

POOL = 3
"""Frames, and features, of which one place of the map is the largest."""

Frames = TypeVar("Frames", int, Tensor)


def pooled_columns(frames: Frames) -> Frames:
    """Columns of the map of so many frames; one or two frames that are left over make one too."""
    return -(-frames // POOL)


def pooled_map(x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """The largest of each three frames and three features, and which columns are no padding.

    Args:
        x: ``[B, T, F]``.
        lengths: ``[B]`` valid frames.

    Returns:
        ``[B, 1, F // 3, ceil(T / 3)]``, 0 where there is only padding; and a mask ``[B, ceil(T / 3)]``, ``None`` where
        there is no padding.
    """
    T = x.shape[1]
    inside, mask = mask_if_padded(lengths, T), None
    if inside is not None and lengths is not None:
        x = x.masked_fill(~inside[..., None], float("-inf"))
        mask = frame_mask(pooled_columns(lengths), pooled_columns(T))
    x = F.pad(x, (0, 0, 0, -T % POOL), value=float("-inf")).transpose(1, 2)[:, None]
    x = F.max_pool2d(x, POOL)
    return (x if mask is None else x.masked_fill(~mask[:, None, None], 0.0)), mask

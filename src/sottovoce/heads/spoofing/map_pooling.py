"""Max pooling of a map of hidden states over windows of three frames and three features."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor
from torch.nn import functional as F

from ...encoder.layers.frame_masks import frame_mask, mask_if_padded

POOL = 3
"""Size and stride of the window, in frames and in features."""

Frames = TypeVar("Frames", int, Tensor)


def pooled_columns(frames: Frames) -> Frames:
    """The number of columns of the pooled map; one or two frames left over also make a column."""
    return -(-frames // POOL)


def pooled_map(x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """The pooled map of each utterance, and the mask of its columns.

    Args:
        x: projected hidden states ``[B, T, F]``.
        lengths: ``[B]`` valid frames.

    Returns:
        ``[B, 1, F // 3, ceil(T / 3)]``, 0 where there is only padding; and a mask ``[B, ceil(T / 3)]``, ``None`` if there
        is no padding.
    """
    T = x.shape[1]
    inside, mask = mask_if_padded(lengths, T), None
    if inside is not None and lengths is not None:
        x = x.masked_fill(~inside[..., None], float("-inf"))
        mask = frame_mask(pooled_columns(lengths), pooled_columns(T))
    x = F.pad(x, (0, 0, 0, -T % POOL), value=float("-inf")).transpose(1, 2)[:, None]
    x = F.max_pool2d(x, POOL)
    return (x if mask is None else x.masked_fill(~mask[:, None, None], 0.0)), mask

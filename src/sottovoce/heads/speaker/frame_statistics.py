"""Weighted mean and standard deviation of frames, and the weights of frames."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...encoder.layers.norms import at_least_float32


@dataclass(frozen=True)
class Deviation:
    """How a standard deviation is made from a variance: ``sqrt(clamp(variance + added, least, most))``.

    The variance is 0 for a single frame, where the gradient of its root is infinite; toolkits avoid that differently.

    Args:
        least, maximum: bounds of the variance.
        added: what is added to the variance.
        unbiased: whether the variance is unbiased: for ``n`` frames of equal weight, the sum is divided by ``n - 1``.
    """

    minimum: float = 0.0
    maximum: float | None = None
    added: float = 0.0
    unbiased: bool = False

    def __call__(self, variance: Tensor, weights: Tensor) -> Tensor:
        """``[B, C]`` from the biased variance ``[B, C]`` under ``weights[B, T, 1 | C]``, which sum to 1."""
        if self.unbiased:  # the squares of n equal weights sum to 1 / n
            variance = variance / (1 - weights.square().sum(1)).clamp(min=1e-6)
        return (variance + self.added).clamp(self.minimum, self.maximum).sqrt()


def statistics(x: Tensor, weights: Tensor, deviation: Deviation) -> Tensor:
    """Mean and standard deviation ``[B, 2 C]`` of ``x[B, T, C]`` with ``weights[B, T, 1 | C]`` that sum to 1 over time."""
    wide, weights = at_least_float32(x), at_least_float32(weights)
    mean = (weights * wide).sum(1)
    variance = (weights * (wide - mean[:, None]).square()).sum(1)
    return torch.cat([mean, deviation(variance, weights)], dim=-1).to(x.dtype)


def uniform_weights(x: Tensor, mask: Tensor | None) -> Tensor:
    """Equal weights ``[B, T, 1]`` for all valid frames."""
    if mask is None:
        return x.new_full((1, x.shape[1], 1), 1 / x.shape[1])
    return (mask / mask.sum(1, keepdim=True)).to(x.dtype)[..., None]


def attention_weights(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Weights that sum to 1 over the valid frames of ``scores[B, T, ...]``."""
    if mask is not None:
        scores = scores.masked_fill(~mask[..., None], float("-inf"))
    return scores.softmax(1)

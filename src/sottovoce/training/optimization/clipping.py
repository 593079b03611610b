"""Gradient clipping, at a fixed norm or at a percentile of recent norms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

ClippedBy = Literal["all", "module"]
"""What has one norm: ``all`` trained weights, or each ``module``: the model, the task's loss, the projections."""


class Clipping(nn.Module, ABC):
    """Scales gradients down in place. Its buffers are part of the training state."""

    def forward(self, weights: Sequence[Tensor]) -> Tensor:
        """Clip the gradients of all ``weights`` together. Returns their norm before clipping."""
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        nn.utils.clip_grads_with_norm_(list(weights), self.limit(norm), norm)
        return norm

    @abstractmethod
    def limit(self, norm: Tensor) -> float:
        """The largest norm that is allowed for a step with this ``norm``."""


class FixedClipping(Clipping):
    """Clips at the norm ``largest``."""

    def __init__(self, largest: float):
        super().__init__()
        self.largest = largest

    def limit(self, norm: Tensor) -> float:
        return self.largest


class AutoClip(Clipping):
    """Clips at a percentile of the last norms, including the current one (Seetharaman et al. 2020, 2007.14469).

    Args:
        percentile: percentile of the norms, 0..100; 100 never clips.
        history: number of norms that are kept.
    """

    norms: Tensor
    seen: Tensor

    def __init__(self, percentile: float = 90.0, history: int = 1000):
        super().__init__()
        self.percentile, self.history = percentile, history
        self.register_buffer("norms", torch.zeros(history))  # a ring buffer
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def limit(self, norm: Tensor) -> float:
        if torch.isfinite(norm):  # mixed precision skips a step with another norm
            self.norms[int(self.seen) % self.history] = norm
            self.seen += 1
        count = min(int(self.seen), self.history)
        return torch.quantile(self.norms[:count], self.percentile / 100).item() if count else float("inf")

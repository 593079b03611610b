"""Pooling of frames into one vector: mean, mean and standard deviation, and both with learned attention weights.

Every pooling takes frames ``[B, T, C]`` and a mask ``[B, T]`` that is True on the frames to pool; the others are ignored.
Several masks can share the same frames: ``[1, T, C]`` with ``[K, T]`` gives ``[K, ...]``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.layers.norms import at_least_float32
from ...encoder.units import MacTerm
from ..frames import MaskedBatchNorm1d
from ..options import Choice, KindsOf, Width, build_choice

_LEAST = 1e-4
"""Lower bound of the variance: it is 0 for a single frame, where the gradient of the standard deviation is infinite."""


class Pooling(nn.Module, ABC):
    """Turns frames with ``channels`` into one vector with ``size`` entries."""

    size: int

    @abstractmethod
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, T, C] -> [B, size]``."""


class Mean(Pooling):
    """The mean of each channel."""

    def __init__(self, channels: int):
        super().__init__()
        self.size = channels

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return (uniform_weights(x, mask) * x).sum(1)


class Statistics(Pooling):
    """Mean and standard deviation of each channel (Snyder et al. 2018)."""

    def __init__(self, channels: int):
        super().__init__()
        self.size = 2 * channels

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return statistics(x, uniform_weights(x, mask))


class Attentive(Pooling):
    """Statistics with one weight for each frame (Okabe et al. 2018): ``softmax over T of v · tanh(W x + b)``.

    Args:
        channels: channels of the frames.
        bottleneck: Hidden units of the attention.
    """

    def __init__(self, channels: int, *, bottleneck: Width = 128):
        super().__init__()
        self.size = 2 * channels
        self.hidden = nn.Linear(channels, bottleneck)
        self.score = nn.Linear(bottleneck, 1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return statistics(x, attention_weights(self.score(torch.tanh(self.hidden(x))), mask))

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: timing.frames, f"{name}.weight") for name in ("hidden", "score")]


class ChannelAttentive(Pooling):
    """Statistics with a weight for every frame and channel that depends on the whole utterance (2005.07143).

        x, mean x, deviation x ─▶ bottleneck ─▶ ReLU ─▶ batch norm ─▶ tanh ─▶ [B, T, C] ─▶ softmax over T

    Args:
        channels: channels of the frames.
        bottleneck: Hidden units of the attention.
        context: Whether the attention also sees the mean and standard deviation of the whole utterance.
    """

    def __init__(self, channels: int, *, bottleneck: Width = 128, context: bool = True):
        super().__init__()
        self.size = 2 * channels
        self.hidden = nn.Linear(channels, bottleneck)
        self.context = nn.Linear(2 * channels, bottleneck, bias=False) if context else None
        self.norm = MaskedBatchNorm1d(bottleneck)
        self.score = nn.Linear(bottleneck, channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        hidden = self.hidden(x)
        if self.context is not None:  # the same for all frames, so it is computed once
            hidden = hidden + self.context(statistics(x, uniform_weights(x, mask)))[:, None]
        hidden = self.norm(F.relu(hidden).transpose(1, 2), mask).transpose(1, 2)
        return statistics(x, attention_weights(self.score(torch.tanh(hidden)), mask))

    def macs(self) -> list[MacTerm]:
        each = [MacTerm(lambda timing: timing.frames, f"{name}.weight") for name in ("hidden", "score")]
        return each if self.context is None else [*each, MacTerm(lambda timing: 1, "context.weight")]


POOLINGS = KindsOf(
    "pooling",
    {"mean": Mean, "statistics": Statistics, "attentive": Attentive, "channel_attentive": ChannelAttentive},
)

PoolingChoice: TypeAlias = Annotated[Choice, POOLINGS]


def build_pooling(channels: int, chosen: Choice) -> Pooling:
    """The pooling that a config describes: ``"mean"``, or with options ``{"kind": "attentive", "bottleneck": 128}``.

    Raises:
        CheckpointError: an unknown kind, or options that it does not have.
    """
    return build_choice(POOLINGS, chosen, channels)


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


def statistics(x: Tensor, weights: Tensor) -> Tensor:
    """Mean and standard deviation ``[B, 2 C]`` of ``x[B, T, C]`` with weights that sum to 1 over time."""
    wide = at_least_float32(x)
    mean = (weights * wide).sum(1)
    variance = (weights * (wide - mean[:, None]).square()).sum(1)
    return torch.cat([mean, variance.clamp(min=_LEAST).sqrt()], dim=-1).to(x.dtype)

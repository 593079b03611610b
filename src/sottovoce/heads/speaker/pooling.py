"""Pooling of frames into one vector: mean, mean and standard deviation, and both with learned attention weights.

Every pooling takes frames ``[B, T, C]`` and a mask ``[B, T]`` that is True on the frames to pool; the others are ignored.
Several masks can share the same frames: ``[1, T, C]`` with ``[K, T]`` gives ``[K, ...]``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.units import MacTerm
from ..frames import MaskedBatchNorm1d, PerFrame
from ..options import Choice, KindsOf, Width, build_choice
from .frame_statistics import Deviation, attention_weights, statistics, uniform_weights


class Pooling(PerFrame, nn.Module, ABC):
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
    """Mean and standard deviation of each channel (Snyder et al. 2018), as ESPnet's ``StatsPooling`` has them."""

    deviation: ClassVar[Deviation] = Deviation(minimum=1e-20, unbiased=True)

    def __init__(self, channels: int):
        super().__init__()
        self.size = 2 * channels

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return statistics(x, uniform_weights(x, mask), self.deviation)


class TSTP(Statistics):
    """The same as wespeaker's ``TSTP`` has them, which adds 1e-7 to the variance."""

    deviation = Deviation(added=1e-7, unbiased=True)


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
        weights = attention_weights(self.score(torch.tanh(self.hidden(x))), mask)
        return statistics(x, weights, Deviation(minimum=1e-4))

    def macs(self) -> list[MacTerm]:
        return [MacTerm(self.count, f"{name}.weight") for name in ("hidden", "score")]


class ChannelAttentive(Pooling):
    """Statistics with a weight for every frame and channel (2005.07143), as ESPnet's ``ChnAttnStatPooling`` has them::

        x, mean x, deviation x ─▶ bottleneck ─▶ ReLU ─▶ batch norm ─▶ [B, T, C] ─▶ softmax over T

    Args:
        channels: channels of the frames.
        bottleneck: Hidden units of the attention.
        context: Whether the attention also sees the mean and standard deviation of the whole utterance.
    """

    seen: ClassVar[Deviation] = Deviation(minimum=1e-4, maximum=1e4, unbiased=True)
    """The deviation that the attention sees."""

    pooled: ClassVar[Deviation] = Deviation(minimum=1e-4, maximum=1e4)
    """The deviation that is pooled."""

    def __init__(self, channels: int, *, bottleneck: Width = 128, context: bool = True):
        super().__init__()
        self.size = 2 * channels
        self.hidden = nn.Linear(channels, bottleneck)
        self.context = nn.Linear(2 * channels, bottleneck, bias=False) if context else None
        self.norm = self.build_norm(bottleneck)
        self.score = nn.Linear(bottleneck, channels)

    def build_norm(self, bottleneck: int) -> nn.Module | None:
        """The norm of the hidden layer."""
        return MaskedBatchNorm1d(bottleneck)

    def activated(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """The hidden layer ``[B, T, bottleneck]`` behind its activation and norm."""
        assert self.norm is not None
        return self.norm(F.relu(hidden).transpose(1, 2), mask).transpose(1, 2)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        hidden = self.hidden(x)
        if self.context is not None:  # the same for all frames, so it is computed once
            hidden = hidden + self.context(statistics(x, uniform_weights(x, mask), self.seen))[:, None]
        weights = attention_weights(self.score(self.activated(hidden, mask)), mask)
        return statistics(x, weights, self.pooled)

    def macs(self) -> list[MacTerm]:
        each = [MacTerm(self.count, f"{name}.weight") for name in ("hidden", "score")]
        return each if self.context is None else [*each, MacTerm(lambda timing: 1, "context.weight")]


class ASP(ChannelAttentive):
    """The same as w2v-BERT-2.0_SV's ``ASP`` has them: without context, and without an upper bound of the variance.

    Args:
        channels, bottleneck, context: see `ChannelAttentive`.
    """

    pooled = Deviation(minimum=1e-5)

    def __init__(self, channels: int, *, bottleneck: Width = 128, context: bool = False):
        super().__init__(channels, bottleneck=bottleneck, context=context)


class ASTP(ChannelAttentive):
    """The same as wespeaker's ``ASTP`` has them: tanh in the hidden layer in place of ReLU and batch norm.

    Args:
        channels, bottleneck, context: see `ChannelAttentive`; wespeaker's context is called ``global_context_att``.
    """

    seen = Deviation(added=1e-7, unbiased=True)
    pooled = Deviation(minimum=1e-7)

    def __init__(self, channels: int, *, bottleneck: Width = 128, context: bool = False):
        super().__init__(channels, bottleneck=bottleneck, context=context)

    def build_norm(self, bottleneck: int) -> nn.Module | None:
        return None

    def activated(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        return torch.tanh(hidden)


POOLINGS = KindsOf(
    "pooling",
    {
        "mean": Mean,
        "statistics": Statistics,
        "tstp": TSTP,
        "attentive": Attentive,
        "channel_attentive": ChannelAttentive,
        "asp": ASP,
        "astp": ASTP,
    },
)

PoolingChoice: TypeAlias = Annotated[Choice, POOLINGS]


def build_pooling(channels: int, chosen: Choice) -> Pooling:
    """The pooling that a config describes: ``"mean"``, or with options ``{"kind": "attentive", "bottleneck": 128}``.

    Raises:
        CheckpointError: an unknown kind, or options that it does not have.
    """
    return build_choice(POOLINGS, chosen, channels)

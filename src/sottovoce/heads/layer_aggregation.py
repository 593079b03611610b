"""How a head makes one stream of frames of all hidden states: the last, a weighted sum, or an adapter a layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoder.stream import ResidualStream
from ..encoder.units import MacTerm, Unit
from .frames import normalized_over_time
from .options import Choice, KindsOf, Width, build_choice


class LayerAggregation(nn.Module, ABC):
    """``L + 1`` hidden states ``[B, T, D]`` into frames ``[B, width, T]``."""

    width: int

    @abstractmethod
    def forward(self, hidden_states: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
        """``[B, width, T]``; ``mask[B, T]`` is True on frames that are no padding."""

    @abstractmethod
    def reader(self, *weights: str) -> list[Unit]:
        """The units that a head declares for ``weights``, whose dimension 1 reads the frames made here."""

    def initialize(self) -> None:
        """Give bare parameters their first values, see `Head.initialize`."""


class LayerSum(LayerAggregation):
    """A sum of the hidden states; its channels are those of the residual stream, and go when they go.

    Args:
        stream: the residual stream.
        layers: number of hidden states.
        normalize: Whether every channel is brought to mean 0 and variance 1 over the utterance. Networks with a front end
            of their own expect features of about one size, and the states of pre-norm encoders differ in theirs.
    """

    weighted: ClassVar[bool] = True
    """Whether each hidden state has a weight of its own."""

    def __init__(self, stream: ResidualStream, layers: int, *, normalize: bool = True):
        super().__init__()
        self.stream, self.layers, self.normalize = stream, layers, normalize
        self.weights = nn.Parameter(torch.empty(layers)) if self.weighted else None
        self.initialize()

    @property
    def width(self) -> int:  # type: ignore[override]
        return self.stream.width

    @abstractmethod
    def combined(self, hidden_states: Sequence[Tensor]) -> Tensor:
        """One sequence ``[B, T, D]`` of ``L + 1``."""

    def forward(self, hidden_states: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
        x = self.combined(hidden_states).transpose(1, 2)
        return normalized_over_time(x, mask) if self.normalize else x

    def reader(self, *weights: str) -> list[Unit]:
        # The stream is gated where it is written, so the columns that read it are only sliced.
        return [self.stream.part(reads=weights)]


class LastLayer(LayerSum):
    """The last hidden state alone."""

    weighted = False

    def combined(self, hidden_states: Sequence[Tensor]) -> Tensor:
        return hidden_states[-1]


class SoftmaxSum(LayerSum):
    """A sum under weights that are positive and have the sum 1."""

    weights: nn.Parameter

    def initialize(self) -> None:
        nn.init.ones_(self.weights)

    def combined(self, hidden_states: Sequence[Tensor]) -> Tensor:
        return weighted_sum(hidden_states, self.weights)


class LinearSum(LayerSum):
    """A sum under weights that may be anything; they start as a mean."""

    weights: nn.Parameter

    def initialize(self) -> None:
        nn.init.constant_(self.weights, 1 / self.layers)

    def combined(self, hidden_states: Sequence[Tensor]) -> Tensor:
        return linear_sum(hidden_states, self.weights)


class Adapters(LayerAggregation):
    """A small network on each hidden state, all outputs side by side (2510.04213)::

        state l ─▶ Linear(D, width) ─▶ LayerNorm ─▶ ReLU ─▶ Linear(width, width) ─┐
                                                                                  ├─▶ [B, (L + 1) · width, T]
        state m ─▶ ...                                                           ─┘

    Args:
        stream, layers: see `LayerSum`.
        width: Outputs of each adapter.
    """

    def __init__(self, stream: ResidualStream, layers: int, *, width: Width = 128):
        super().__init__()
        self.stream = stream
        self.width = layers * width
        self.down = nn.ModuleList(nn.Linear(stream.width, width) for _ in range(layers))
        self.norm = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.out = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))

    def forward(self, hidden_states: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
        parts = zip(hidden_states, self.down, self.norm, self.out, strict=True)
        return torch.cat([out(F.relu(norm(down(x)))) for x, down, norm, out in parts], dim=-1).transpose(1, 2)

    def reader(self, *weights: str) -> list[Unit]:
        return []  # behind the adapters nothing depends on the stream

    def units(self) -> list[Unit]:
        return [self.stream.part(reads=[f"down.{i}.weight" for i in range(len(self.down))])]

    def macs(self) -> list[MacTerm]:
        names = [f"{part}.{i}.weight" for part in ("down", "out") for i in range(len(self.down))]
        return [MacTerm(lambda timing: timing.frames, name) for name in names]


AGGREGATIONS = KindsOf("fusion", {"last": LastLayer, "sum": SoftmaxSum, "linear": LinearSum, "adapters": Adapters})

AggregationChoice: TypeAlias = Annotated[Choice, AGGREGATIONS]


def build_layer_aggregation(stream: ResidualStream, layers: int, chosen: Choice) -> LayerAggregation:
    """The layer aggregation that a config describes: ``"sum"``, or with options ``{"kind": "adapters", "width": 128}``.

    Args:
        stream, layers: of the encoder, see `Head`.
        chosen: ``last``, ``sum`` (softmax weights), ``linear`` (any weights) or ``adapters``.

    Raises:
        CheckpointError: another kind, or options that it does not have.
    """
    return build_choice(AGGREGATIONS, chosen, stream, layers)


def weighted_sum(hidden_states: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Sum of the hidden states under ``softmax(weights)``."""
    return linear_sum(hidden_states, weights.softmax(0))


def linear_sum(hidden_states: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Sum of the hidden states, each times its weight, without stacking them."""
    total = hidden_states[0] * weights[0]  # there is always one, what the layers start from
    for state, weight in zip(hidden_states[1:], weights[1:], strict=True):
        total = total + state * weight
    return total

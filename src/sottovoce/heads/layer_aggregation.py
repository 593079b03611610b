"""How a head makes one sequence of frames from all hidden states: the last, a weighted sum, or one adapter for each layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoder.stream import ResidualStream
from ..encoder.units import MacTerm, Unit
from .frames import centered_over_time, normalized_over_time
from .options import Choice, KindsOf, Width, build_choice


class LayerAggregation(nn.Module, ABC):
    """Turns ``L + 1`` hidden states ``[B, T, D]`` into frames ``[B, width, T]``."""

    width: int

    reads_encoder_output: ClassVar[bool] = False
    """See `Head.reads_encoder_output`."""

    @abstractmethod
    def forward(self, hidden_states: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
        """``[B, width, T]``; ``mask[B, T]`` is True on frames that are no padding."""

    @abstractmethod
    def reader(self, *weights: str) -> list[Unit]:
        """The units that a head declares for ``weights``, whose dimension 1 reads these frames."""

    def initialize(self) -> None:
        """Initialize bare parameters, see `Head.initialize`."""


Normalization: TypeAlias = Literal["mean", "mean_variance", "none"]
"""What is normalized over an utterance."""


class LayerSum(LayerAggregation):
    """A sum of the hidden states. Its channels are those of the residual stream, and are pruned with them.

    Args:
        stream: the residual stream.
        layers: number of hidden states.
        normalize: What every channel is normalized by over the utterance: its ``mean``, as ESPnet-SPK and wespeaker do, its
            ``mean_variance``, or ``none``.
    """

    weighted: ClassVar[bool] = True
    """Whether each hidden state has a weight of its own."""

    def __init__(self, stream: ResidualStream, layers: int, *, normalize: Normalization = "mean"):
        super().__init__()
        self.stream, self.layers, self.normalize = stream, layers, normalize
        self.weights = nn.Parameter(torch.empty(layers)) if self.weighted else None
        self.initialize()

    @property
    def width(self) -> int:  # type: ignore[override]
        return self.stream.width

    @abstractmethod
    def combined(self, hidden_states: Sequence[Tensor]) -> Tensor:
        """One sequence ``[B, T, D]`` from ``L + 1`` of them."""

    def forward(self, hidden_states: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
        x = self.combined(hidden_states).transpose(1, 2)
        if self.normalize == "none":
            return x
        return centered_over_time(x, mask) if self.normalize == "mean" else normalized_over_time(x, mask)

    def reader(self, *weights: str) -> list[Unit]:
        # Gates of the residual stream act where it is written, so a weight that reads it only loses columns.
        return [self.stream.part(reads=weights)] if weights else []


class LastLayer(LayerSum):
    """The last hidden state alone, after the encoder's final norm if there is one."""

    weighted = False
    reads_encoder_output = True

    def combined(self, hidden_states: Sequence[Tensor]) -> Tensor:
        return hidden_states[-1]


class SoftmaxSum(LayerSum):
    """A sum with positive weights that sum to 1."""

    weights: nn.Parameter

    def initialize(self) -> None:
        nn.init.ones_(self.weights)

    def combined(self, hidden_states: Sequence[Tensor]) -> Tensor:
        return weighted_sum(hidden_states, self.weights)


class LinearSum(LayerSum):
    """A sum with unconstrained weights, initialized to the mean."""

    weights: nn.Parameter

    def initialize(self) -> None:
        nn.init.constant_(self.weights, 1 / self.layers)

    def combined(self, hidden_states: Sequence[Tensor]) -> Tensor:
        return linear_sum(hidden_states, self.weights)


class Adapters(LayerAggregation):
    """A small network on each hidden state, with concatenated outputs (2510.04213)::

        state l ─▶ Linear(D, width) ─▶ LayerNorm ─▶ ReLU ─▶ Linear(width, width) ─┐
                                                                                  ├─▶ [B, (L + 1) · width, T]
        state m ─▶ ...                                                           ─┘

    Args:
        stream, layers: see `LayerSum`.
        width: Output channels of each adapter.
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
        return []  # nothing after the adapters depends on the width of the stream

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
        stream, layers: the residual stream and the number of hidden states of the encoder, see `Head`.
        chosen: ``last``, ``sum`` (softmax weights), ``linear`` (any weights) or ``adapters``.

    Raises:
        CheckpointError: an unknown kind, or options that it does not have.
    """
    return build_choice(AGGREGATIONS, chosen, stream, layers)


def weighted_sum(hidden_states: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Sum of the hidden states with weights ``softmax(weights)``."""
    return linear_sum(hidden_states, weights.softmax(0))


def linear_sum(hidden_states: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Sum of the hidden states, each multiplied by its weight, without stacking them."""
    total = hidden_states[0] * weights[0]  # there is always at least one: the input of the layers
    for state, weight in zip(hidden_states[1:], weights[1:], strict=True):
        total = total + state * weight
    return total

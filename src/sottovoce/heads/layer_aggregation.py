"""How a head makes one stream of frames of all hidden states: the last, a weighted sum, or an adapter a layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoder.stream import ResidualStream
from ..encoder.units import MacTerm, Unit
from ..errors import CheckpointError
from .frames import normalized_over_time
from .options import check_options

Choice: TypeAlias = str | Mapping[str, Any]
"""How configs write one of several kinds: its name, or ``{"kind": name, ...}`` with its options."""


class LayerAggregation(nn.Module, ABC):
    """``L + 1`` hidden states ``[B, T, D]`` into frames ``[B, width, T]``."""

    width: int

    @abstractmethod
    def forward(self, hidden_states: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
        """``[B, width, T]``; ``mask[B, T]`` is True on frames that are no padding."""

    @abstractmethod
    def reader(self, *weights: str) -> list[Unit]:
        """What the head must declare of ``weights``, whose dimension 1 reads the fused frames."""

    def initialize(self) -> None:
        """Give bare parameters their first values, see `Head.initialize`."""


class LayerSum(LayerAggregation):
    """A sum of the hidden states; its channels are those of the residual stream, and go when they go.

    Args:
        stream: the residual stream.
        layers: number of hidden states.
        weights: ``softmax`` (positive, sum 1), ``linear`` (any; they start as a mean), or ``last``: the last state alone.
        normalize: bring every channel to mean 0 and variance 1 over the utterance: networks with their own front end
            expect features of about one size, and the states of pre-norm encoders have none.
    """

    def __init__(self, stream: ResidualStream, layers: int, *, weights: str, normalize: bool = True):
        super().__init__()
        self.stream, self.layers, self.kind, self.normalize = stream, layers, weights, normalize
        self.weights = nn.Parameter(torch.empty(layers)) if weights != "last" else None
        self.initialize()

    @property
    def width(self) -> int:  # type: ignore[override]
        return self.stream.width

    def initialize(self) -> None:
        if self.weights is not None:
            nn.init.constant_(self.weights, 1.0 if self.kind == "softmax" else 1 / self.layers)

    def forward(self, hidden_states: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
        if self.weights is None:
            x = hidden_states[-1]
        else:
            x = (weighted_sum if self.kind == "softmax" else linear_sum)(hidden_states, self.weights)
        x = x.transpose(1, 2)
        return normalized_over_time(x, mask) if self.normalize else x

    def reader(self, *weights: str) -> list[Unit]:
        # The stream is gated where it is written, so the columns that read it are only sliced.
        return [self.stream.part(reads=weights)]


class Adapters(LayerAggregation):
    """A small network on each hidden state, all outputs side by side (2510.04213)::

        state l ─▶ Linear(D, width) ─▶ LayerNorm ─▶ ReLU ─▶ Linear(width, width) ─┐
                                                                                  ├─▶ [B, (L + 1) · width, T]
        state m ─▶ ...                                                           ─┘

    Args:
        stream, layers: see `LayerSum`.
        width: of each adapter.
    """

    def __init__(self, stream: ResidualStream, layers: int, *, width: int = 128):
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


def build_layer_aggregation(stream: ResidualStream, layers: int, chosen: Choice) -> LayerAggregation:
    """The fusion that a config describes: ``"sum"``, or with options ``{"kind": "adapters", "width": 128}``.

    Args:
        stream, layers: of the encoder, see `Head`.
        chosen: ``last``, ``sum`` (softmax weights), ``linear`` (any weights) or ``adapters``.

    Raises:
        CheckpointError: another kind, or options that it does not have.
    """
    kind, options = parted(chosen)
    if kind == "adapters":
        check_options(Adapters, options, "fusion adapters")
        return Adapters(stream, layers, **options)
    if kind not in SUMS:
        raise CheckpointError(f"config: the fusion is {kind!r}; it can be {', '.join(SUMS)} or adapters")
    check_options(LayerSum, options, f"fusion {kind}", given=("weights",))
    return LayerSum(stream, layers, weights=SUMS[kind], **options)


def parted(chosen: Choice) -> tuple[str, dict[str, Any]]:
    """Kind and options of a choice."""
    if isinstance(chosen, str):
        return chosen, {}
    return str(chosen.get("kind")), {key: value for key, value in chosen.items() if key != "kind"}


SUMS = {"last": "last", "sum": "softmax", "linear": "linear"}


def weighted_sum(hidden_states: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Sum of the hidden states under ``softmax(weights)``."""
    return linear_sum(hidden_states, weights.softmax(0))


def linear_sum(hidden_states: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Sum of the hidden states, each times its weight, without stacking them."""
    total = hidden_states[0] * weights[0]  # there is always one, what the layers start from
    for state, weight in zip(hidden_states[1:], weights[1:], strict=True):
        total = total + state * weight
    return total

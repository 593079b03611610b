"""AASIST on the hidden states of a self-supervised encoder (2110.01200; with such features: 2202.12233)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.checks.values import WIDTH
from ...encoder.layers.frame_masks import mask_if_padded
from ...encoder.layers.safe_convolution import Conv2d
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm, Timing, Unit
from ..head import Embedder
from ..layer_aggregation import AggregationChoice, build_layer_aggregation
from ..options import Between, Width, Widths
from .graph_attention import GraphAttention, GraphPool, PairScores, StackAttention, nodes_kept
from .map_pooling import POOL, pooled_columns, pooled_map
from .residual_map import ResidualMap
from .spectral_maps import MaskedBatchNorm2d

TEMPERATURES = 2.0, 100.0
"""Temperatures of attention within one kind of nodes, and of attention over both kinds."""

PLAIN_SUM = {"kind": "sum", "normalize": False}
"""A layer sum that is not normalized over the utterance, which would remove constant properties of a recording. The batch
norm after the projection scales the features instead."""


class AASIST(Embedder):
    """An embedding from graphs over the spectrum and over the time of an utterance::

        hidden states ─ fusion ─▶ project ─▶ map [B, 1, 128, T] ─▶ max of 3 x 3 ─▶ residual convolutions [B, 64, 42, T/3]
                  ┌─ attention over time ─▶ 42 spectral nodes ─▶ graph attention ─▶ half ─┐
              ─▶ ─┤                                                                       ├─▶ two branches of stack
                  └─ attention over bands ─▶ T/3 temporal nodes ─▶ graph attention ─▶ half ┘    attention, the larger
                                                                                             of both ─▶ readout [B, 160]

    The readout is the largest absolute value and the mean over each kind of nodes, and the stack node. The published network
    takes crops of 64,600 samples, this one any length. Nodes of padding are masked, so an utterance has the same embedding
    in a batch and alone. (One or two frames left over at the end also make a node, so one frame is enough.)

    Args:
        stream: the residual stream of the encoder (`SpeechEncoder.stream`), whose channels the hidden states have.
        layers: number of hidden states, ``L + 1``.
        bands: Number of features that hidden states are projected to.
        channels: Channels of each residual convolution; the last is also the width of nodes.
        width: Width of nodes after stack attention; the embedding has five times as many entries.
        fusion: How the hidden states become one sequence of frames, see `layer_aggregation`; the paper takes the ``last``.
    """

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        bands: Annotated[int, Between(POOL, WIDTH)] = 128,
        channels: Widths = (32, 32, 64, 64, 64, 64),
        width: Width = 32,
        fusion: AggregationChoice = PLAIN_SUM,
    ):
        super().__init__()
        self.layers, self.width = layers, width
        self.fusion = build_layer_aggregation(stream, layers, fusion)
        self.project = nn.Linear(self.fusion.width, bands)
        self.norm = MaskedBatchNorm2d(1)
        rows, inner = bands // POOL, channels[-1]
        self.map = ResidualMap(channels, rows=rows, columns=Nodes())
        self.map_norm = MaskedBatchNorm2d(inner)
        self.places = nn.ModuleList([Conv2d(inner, 2 * inner, 1), Conv2d(2 * inner, inner, 1)])
        self.places_norm = MaskedBatchNorm2d(2 * inner)
        self.bands = nn.Parameter(torch.empty(rows, inner))
        nodes = [Nodes(rows), Nodes()]
        self.attention = nn.ModuleList(
            GraphAttention(inner, inner, temperature=TEMPERATURES[0], nodes=each) for each in nodes
        )
        self.pool = nn.ModuleList(GraphPool(inner, nodes=each) for each in nodes)
        self.dropout = nn.Dropout(0.5)
        self.branches = nn.ModuleList(Branch(inner, width, [each.half() for each in nodes]) for _ in range(2))
        self.initialize()

    @property
    def size(self) -> int:
        return 5 * self.width

    def initialize(self) -> None:
        self.fusion.initialize()
        nn.init.normal_(self.bands)
        for module in self.modules():
            if isinstance(module, Conv2d):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
            elif isinstance(module, PairScores | Branch):
                module.initialize()

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """Embeddings ``[B, 5 * width]`` from ``L + 1`` hidden states ``[B, T, D]`` and ``lengths[B]`` in frames.

        Raises:
            ValueError: the number of hidden states is not the one that the head was built for.
        """
        self._check(hidden_states)
        x = self.fusion(hidden_states, mask_if_padded(lengths, hidden_states[0].shape[1]))
        x, mask = pooled_map(self.project(x.transpose(1, 2)), lengths)
        x = F.selu(self.norm(x, mask))
        x = F.selu(self.map_norm(self.map(x, mask), mask))  # [B, C, bands / 3, T / 3]
        places = self.places[1](self.places_norm(F.selu(self.places[0](x)), mask))
        over_time = places if mask is None else places.masked_fill(~mask[:, None, None], float("-inf"))
        spectral = (x * over_time.softmax(-1)).sum(-1).transpose(1, 2) + self.bands
        temporal = (x * places.softmax(-2)).sum(-2).transpose(1, 2)
        spectral, _ = self.pool[0](self.attention[0](spectral))
        temporal, kept = self.pool[1](self.attention[1](temporal, mask), mask)
        spectral, temporal, stack, kept = _larger([branch(spectral, temporal, kept) for branch in self.branches])
        return self.dropout(torch.cat([*_readout(temporal, kept), *_readout(spectral, None), stack[:, 0]], dim=1))

    def units(self) -> list[Unit]:
        return self.fusion.reader("project.weight")

    def macs(self) -> list[MacTerm]:
        rows, columns = len(self.bands), Nodes()

        def places(timing: Timing) -> float:
            return rows * columns(timing)

        return [
            MacTerm(lambda timing: timing.frames, "project.weight"),
            *(MacTerm(places, f"places.{i}.weight") for i in range(2)),
        ]


class Branch(nn.Module):
    """Two rounds of stack attention with a pooling to half of the nodes in between. The second is added to the first.

    Args:
        inputs: width of the input nodes.
        width: width of nodes after attention.
        nodes: numbers of spectral and temporal input nodes.
    """

    def __init__(self, inputs: int, width: int, nodes: Sequence[Nodes]):
        super().__init__()
        self.stack = nn.Parameter(torch.empty(inputs))
        halves = [each.half() for each in nodes]

        def attention(inputs: int, sorts: Sequence[Nodes]) -> StackAttention:
            return StackAttention(inputs, width, temperature=TEMPERATURES[1], first=sorts[1], second=sorts[0])

        self.first, self.second = attention(inputs, nodes), attention(width, halves)
        self.pool = nn.ModuleList(GraphPool(width, nodes=each) for each in nodes)
        self.dropout = nn.Dropout(0.2)
        self.initialize()

    def initialize(self) -> None:
        """Initialize the bare parameters."""
        nn.init.normal_(self.stack)

    def forward(
        self, spectral: Tensor, temporal: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Spectral nodes, temporal nodes, stack node, and the mask of temporal nodes."""
        start = self.stack.expand(len(spectral), 1, -1)
        temporal, spectral, stack = self.first(temporal, spectral, start, _both(mask, spectral))
        spectral, _ = self.pool[0](spectral)
        temporal, mask = self.pool[1](temporal, mask)
        more = self.second(temporal, spectral, stack, _both(mask, spectral))
        temporal, spectral, stack = (x + y for x, y in zip((temporal, spectral, stack), more, strict=True))
        return self.dropout(spectral), self.dropout(temporal), self.dropout(stack), mask


@dataclass(frozen=True)
class Nodes:
    """The number of nodes: one for every three frames, or a fixed number of spectral nodes; halved by each pooling.

    Args:
        fixed: number of spectral nodes; ``None`` for temporal nodes.
        halvings: number of `GraphPool` layers before.
    """

    fixed: int | None = None
    halvings: int = 0

    def half(self) -> Nodes:
        """The number of nodes after one more `GraphPool`."""
        return Nodes(self.fixed, self.halvings + 1)

    def __call__(self, timing: Timing) -> int:
        count = pooled_columns(timing.frames) if self.fixed is None else self.fixed
        for _ in range(self.halvings):
            count = nodes_kept(count)
        return count


def _both(mask: Tensor | None, spectral: Tensor) -> Tensor | None:
    """The mask of temporal nodes followed by spectral nodes, none of which is padding."""
    return None if mask is None else torch.cat([mask, mask.new_ones(spectral.shape[:2])], dim=1)


def _larger(branches: Sequence[tuple[Tensor, Tensor, Tensor, Tensor | None]]) -> tuple[Tensor, ...]:
    (a, b, c, mask), (d, e, f, _) = branches
    return torch.maximum(a, d), torch.maximum(b, e), torch.maximum(c, f), mask  # type: ignore[return-value]


def _readout(nodes: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """The largest absolute value and the mean over the valid nodes, ``[B, D]`` each."""
    if mask is None:
        return nodes.abs().amax(1), nodes.mean(1)
    nodes = nodes.masked_fill(~mask[..., None], 0.0)
    return nodes.abs().amax(1), nodes.sum(1) / mask.sum(1, keepdim=True)

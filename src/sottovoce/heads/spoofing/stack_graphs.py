"""The graph part of AASIST: attention over spectral and temporal nodes, two branches of stack attention, a readout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import torch
from torch import Tensor, nn

from ...encoder.units import Timing
from ..options import Between, NotEmpty
from .graph_attention import Count, GraphAttention, GraphPool, PairScores, StackAttention, nodes_kept

TEMPERATURES = 2.0, 100.0
"""Temperatures of attention within one kind of nodes, and of attention over both kinds."""

Ratios: TypeAlias = Annotated[Sequence[Annotated[float, Between(0, 1)]], NotEmpty()]
"""Three shares of the nodes that a pooling keeps: of spectral nodes, of temporal nodes, and of both inside the branches."""


@dataclass(frozen=True)
class Nodes:
    """The number of nodes after poolings.

    Args:
        start: the number before any pooling.
        ratios: the share that each pooling keeps.
    """

    start: Count
    ratios: tuple[float, ...] = ()

    def pooled(self, ratio: float) -> Nodes:
        """The number of nodes after one more `GraphPool`."""
        return Nodes(self.start, (*self.ratios, ratio))

    def __call__(self, timing: Timing) -> int:
        count = self.start(timing)
        for ratio in self.ratios:
            count = nodes_kept(count, ratio)
        return count


@dataclass(frozen=True)
class Always:
    """The same number of nodes for every utterance."""

    number: int

    def __call__(self, timing: Timing) -> int:
        return self.number


class StackGraphs(nn.Module):
    """An embedding from spectral and temporal nodes::

        spectral nodes ─▶ graph attention ─▶ pooling ─┬─▶ two branches of stack attention, the larger of both
        temporal nodes ─▶ graph attention ─▶ pooling ─┘       ─▶ readout [B, 5 * width]

    The readout is the largest absolute value and the mean over each kind of nodes, and the stack node. Nodes of padding are
    masked, so an utterance has the same embedding in a batch and alone.

    Args:
        inputs: width of the nodes.
        width: width of the nodes after stack attention.
        spectral: number of spectral nodes.
        temporal: number of temporal nodes.
        ratios: the shares of nodes that poolings keep, see `Ratios`.
    """

    def __init__(self, inputs: int, width: int, *, spectral: int, temporal: Count, ratios: Sequence[float]):
        super().__init__()
        self.size = 5 * width
        self.bands = nn.Parameter(torch.empty(spectral, inputs))
        nodes = [Nodes(Always(spectral)), Nodes(temporal)]
        self.attention = nn.ModuleList(
            GraphAttention(inputs, inputs, temperature=TEMPERATURES[0], nodes=each) for each in nodes
        )
        *outer, inner = ratios
        self.pool = nn.ModuleList(
            GraphPool(inputs, nodes=each, ratio=ratio) for each, ratio in zip(nodes, outer, strict=True)
        )
        left = [each.pooled(ratio) for each, ratio in zip(nodes, outer, strict=True)]
        self.branches = nn.ModuleList(Branch(inputs, width, left, inner) for _ in range(2))
        self.dropout = nn.Dropout(0.5)

    def initialize(self) -> None:
        """Initialize the bare parameters."""
        nn.init.normal_(self.bands)
        for module in self.modules():
            if isinstance(module, PairScores | Branch):
                module.initialize()

    def forward(self, spectral: Tensor, temporal: Tensor, mask: Tensor | None = None) -> Tensor:
        """Embeddings ``[B, 5 * width]``.

        Args:
            spectral: ``[B, R, inputs]``.
            temporal: ``[B, T, inputs]``.
            mask: ``[B, T]``, True on temporal nodes that are not padding.
        """
        spectral, _ = self.pool[0](self.attention[0](spectral + self.bands))
        temporal, kept = self.pool[1](self.attention[1](temporal, mask), mask)
        spectral, temporal, stack, kept = _larger([branch(spectral, temporal, kept) for branch in self.branches])
        return self.dropout(torch.cat([*_readout(temporal, kept), *_readout(spectral, None), stack[:, 0]], dim=1))


class Branch(nn.Module):
    """Two rounds of stack attention with a pooling in between. The second is added to the first.

    Args:
        inputs: width of the input nodes.
        width: width of nodes after attention.
        nodes: numbers of spectral and temporal input nodes.
        ratio: the share of nodes that the pooling keeps.
    """

    def __init__(self, inputs: int, width: int, nodes: Sequence[Nodes], ratio: float):
        super().__init__()
        self.stack = nn.Parameter(torch.empty(inputs))
        fewer = [each.pooled(ratio) for each in nodes]

        def attention(inputs: int, sorts: Sequence[Nodes]) -> StackAttention:
            return StackAttention(inputs, width, temperature=TEMPERATURES[1], first=sorts[1], second=sorts[0])

        self.first, self.second = attention(inputs, nodes), attention(width, fewer)
        self.pool = nn.ModuleList(GraphPool(width, nodes=each, ratio=ratio) for each in nodes)
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

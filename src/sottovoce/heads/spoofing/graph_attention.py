"""Graph attention over spectral and temporal nodes (AASIST; Jung et al. 2021, arXiv 2110.01200).

``N``: nodes of a graph; ``K``: nodes that are kept. Graphs of a batch are padded; ``mask[B, N]`` is True on valid nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.layers.frame_masks import frame_mask
from ...encoder.units import MacTerm, Timing
from ..frames import MaskedBatchNorm1d

Count: TypeAlias = Callable[[Timing], int]
"""The number of nodes of a graph as a function of the length of the utterance."""

DROPOUT = 0.2
"""Dropout on nodes before attention."""

POOL_DROPOUT = 0.3
"""Dropout on nodes before a `GraphPool` scores them."""

PAIRS = 2**24
"""Products of pairs in memory at a time when no gradient is needed: 64 MiB in float32."""


class PairScores(nn.Module):
    """Attention scores of pairs of nodes, ``w · tanh(P (x_i ∘ y_j) + b) / temperature``: ``[B, kinds, N, M]``.

    Args:
        inputs: width of nodes.
        inner: rows of ``P``.
        temperature: divisor of the scores.
        kinds: number of vectors ``w``; there is one score for each.
    """

    def __init__(self, inputs: int, inner: int, *, temperature: float, kinds: int = 1):
        super().__init__()
        self.temperature = temperature
        self.weight = nn.Parameter(torch.empty(inner, inputs))
        self.bias = nn.Parameter(torch.empty(inner))
        self.score = nn.Parameter(torch.empty(kinds, inner))
        self.initialize()

    def initialize(self) -> None:
        """Initialize the bare parameters."""
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)
        nn.init.xavier_normal_(self.score)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        B, N, _ = x.shape
        # P (x_i ∘ y_j) = (P diag x_i) y_j: one matrix product, without a tensor of size N · M · D.
        block = N if torch.is_grad_enabled() else max(1, PAIRS // (B * y.shape[1] * len(self.bias)))
        scores = [self._rows(rows, y) for rows in x.split(block, dim=1)]
        return torch.cat(scores, dim=2) / self.temperature

    def _rows(self, x: Tensor, y: Tensor) -> Tensor:
        B, N, _ = x.shape
        left = (x[:, :, None] * self.weight).flatten(1, 2)  # [B, N * inner, D]
        pairs = (left @ y.transpose(1, 2)).unflatten(1, (N, -1))  # [B, N, inner, M]
        return (self.score @ torch.tanh(pairs + self.bias[:, None])).transpose(1, 2)


class GraphAttention(nn.Module):
    """Each node becomes a mixture of all nodes, weighted by pairwise scores::

        a_ij = softmax_j score(x_i, x_j),     y_i = SELU(norm(O Σ_j a_ij x_j + S x_i))

    Args:
        inputs, outputs: width of nodes, before and after.
        temperature: divisor of the scores.
        nodes: number of nodes.
        kinds: number of kinds of pairs, each with scores of its own, see `StackAttention`.
    """

    def __init__(self, inputs: int, outputs: int, *, temperature: float, nodes: Count, kinds: int = 1):
        super().__init__()
        self.nodes = nodes
        self.dropout = nn.Dropout(DROPOUT)
        self.pairs = PairScores(inputs, outputs, temperature=temperature, kinds=kinds)
        self.others = nn.Linear(inputs, outputs)
        self.own = nn.Linear(inputs, outputs)
        self.norm = MaskedBatchNorm1d(outputs)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, N, outputs]`` from nodes ``[B, N, inputs]``."""
        x = self.dropout(x)
        return self.mix(x, self.pairs(x, x)[:, 0], mask)

    def mix(self, x: Tensor, scores: Tensor, mask: Tensor | None) -> Tensor:
        """Nodes ``[B, N, outputs]`` after attention with scores ``[B, N, N]``."""
        x = self.others(_attention(scores, mask) @ x) + self.own(x)
        return F.selu(self.norm(x.transpose(1, 2), mask).transpose(1, 2))

    def macs(self) -> list[MacTerm]:
        def each(timing: Timing) -> float:
            return self.nodes(timing)

        def pair(timing: Timing) -> float:
            return self.nodes(timing) ** 2

        weights = [MacTerm(pair, "pairs.weight"), MacTerm(pair, "pairs.score"), MacTerm(each, "others.weight")]
        return [*weights, MacTerm(each, "own.weight"), MacTerm(pair, each=self.own.in_features)]


class StackAttention(nn.Module):
    """Graph attention over two kinds of nodes at once, and a stack node that attends to all of them (HS-GAL).

    Pairs within the first kind, within the second and across have scores of their own. The stack node attends to every
    node; no node attends to it.

    Args:
        inputs, outputs: width of nodes, before and after.
        temperature: divisor of the scores.
        first, second: number of nodes of each kind.
    """

    def __init__(self, inputs: int, outputs: int, *, temperature: float, first: Count, second: Count):
        super().__init__()
        self.sorts = (first, second)
        self.enter = nn.ModuleList(nn.Linear(inputs, inputs) for _ in self.sorts)
        self.graph = GraphAttention(inputs, outputs, temperature=temperature, nodes=self._all, kinds=3)
        self.stack = PairScores(inputs, outputs, temperature=temperature)
        self.stack_others = nn.Linear(inputs, outputs)
        self.stack_own = nn.Linear(inputs, outputs)

    def _all(self, timing: Timing) -> int:
        return sum(nodes(timing) for nodes in self.sorts)

    def forward(
        self, first: Tensor, second: Tensor, stack: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Nodes of both kinds ``[B, N, outputs]`` and the stack node ``[B, 1, outputs]``.

        Args:
            first, second: nodes ``[B, N, inputs]``.
            stack: the stack node ``[B, 1, inputs]``.
            mask: mask ``[B, N]`` of the nodes of both kinds, the first kind before the second.
        """
        count = first.shape[1]
        x = torch.cat([enter(nodes) for enter, nodes in zip(self.enter, (first, second), strict=True)], dim=1)
        x = self.graph.dropout(x)
        of_first = torch.arange(x.shape[1], device=x.device) < count
        alike = of_first[:, None] == of_first
        within, other, across = self.graph.pairs(x, x).unbind(1)
        scores = torch.where(alike, torch.where(of_first, within, other), across)
        gathered = _attention(self.stack(stack, x)[:, 0], mask) @ x
        stack = self.stack_others(gathered) + self.stack_own(stack)
        x = self.graph.mix(x, scores, mask)
        return x[:, :count], x[:, count:], stack

    def macs(self) -> list[MacTerm]:
        def every(timing: Timing) -> float:
            return self._all(timing)

        enter = [MacTerm(nodes, f"enter.{i}.weight") for i, nodes in enumerate(self.sorts)]
        once = [MacTerm(lambda timing: 1, f"stack_{name}.weight") for name in ("others", "own")]
        listening = [MacTerm(every, "stack.weight"), MacTerm(every, "stack.score")]
        return [*enter, *listening, MacTerm(every, each=self.stack_own.in_features), *once]


class GraphPool(nn.Module):
    """Keeps the nodes with the highest scores, at least one, each multiplied by its score.

    Args:
        width: width of nodes.
        nodes: number of nodes before pooling.
        ratio: the share of the nodes that is kept, rounded down.
    """

    def __init__(self, width: int, *, nodes: Count, ratio: float = 0.5):
        super().__init__()
        self.nodes, self.ratio = nodes, ratio
        self.dropout = nn.Dropout(POOL_DROPOUT)
        self.score = nn.Linear(width, 1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The nodes that are kept ``[B, K, D]``, the highest score first, and their mask ``[B, K]``."""
        scores = self.score(self.dropout(x))  # [B, N, 1]; ranked in front of the sigmoid, which makes all large ones 1
        ranked = scores[..., 0] if mask is None else scores[..., 0].masked_fill(~mask, float("-inf"))
        most = nodes_kept(x.shape[1], self.ratio)
        chosen = ranked.topk(most, dim=1).indices[..., None]
        kept = (x * scores.sigmoid()).gather(1, chosen.expand(-1, -1, x.shape[2]))
        if mask is None:
            return kept, None
        counts = (mask.sum(1).double() * self.ratio).long().clamp(min=1)
        return kept, frame_mask(counts, most)

    def macs(self) -> list[MacTerm]:
        return [MacTerm(self.nodes, "score.weight")]


def nodes_kept(nodes: int, ratio: float) -> int:
    """The number of nodes that a `GraphPool` keeps."""
    return max(int(nodes * ratio), 1)


def _attention(scores: Tensor, mask: Tensor | None) -> Tensor:
    """``softmax`` over the valid nodes in the last dimension of ``[B, N, M]``."""
    return (scores if mask is None else scores.masked_fill(~mask[:, None], float("-inf"))).softmax(-1)

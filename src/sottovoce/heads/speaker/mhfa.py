"""Multi-head factorized attentive pooling: a small head on all hidden states (2210.01273)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm, Timing, Unit
from ..layer_aggregation import weighted_sum
from ..options import Count, EmbeddingSize, Width
from .frame_statistics import attention_weights
from .pooling_head import PoolingHead


class MHFA(PoolingHead):
    """Pools the hidden states of all layers and frames into one vector.

    Keys and values are each a softmax-weighted sum over layers, projected to a few dimensions. The keys give the attention
    weight of each frame for each attention head::

        hidden states ─┬─ Σ wᵏ ─▶ keys   ─▶ [B, T, heads] ─▶ softmax over T ─┐
        [L+1, B, T, D] └─ Σ wᵛ ─▶ values ─▶ [B, T, width] ───────────────────┴─▶ [B, heads · width] ─▶ [B, size]

    Args:
        stream: the residual stream of the encoder (`SpeechEncoder.stream`), whose channels the hidden states have.
        layers: number of hidden states, ``L + 1``.
        width: Dimensions that keys and values are projected to.
        heads: Attention heads.
        size: Dimension of the embedding.
    """

    def __init__(
        self, stream: ResidualStream, layers: int, *, width: Width = 128, heads: Count = 64, size: EmbeddingSize = 256
    ):
        super().__init__()
        self.layers, self.width, self.heads = layers, width, heads
        self.stream = stream
        self.key_weights = nn.Parameter(torch.ones(layers))
        self.value_weights = nn.Parameter(torch.ones(layers))
        self.keys = nn.Linear(stream.width, width)
        self.values = nn.Linear(stream.width, width)
        self.attention = nn.Linear(width, heads)
        self.project = nn.Linear(heads * width, size)

    @property
    def size(self) -> int:
        return self.project.out_features

    def initialize(self) -> None:
        nn.init.ones_(self.key_weights)
        nn.init.ones_(self.value_weights)

    def frames(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """The attention score of each frame for each attention head, and its values: ``[B, T, heads + width]``."""
        self._check(hidden_states)
        keys = self.keys(weighted_sum(hidden_states, self.key_weights))
        values = self.values(weighted_sum(hidden_states, self.value_weights))
        return torch.cat([self.attention(keys), values], dim=-1)

    def pool(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        scores, values = frames.split([self.heads, self.width], dim=-1)
        weights = attention_weights(scores, mask)
        pooled = torch.einsum("bth,btk->bhk", weights, values.expand(len(weights), -1, -1))
        return self.project(pooled.flatten(1))

    def units(self) -> list[Unit]:
        # Gates of the residual stream act where it is written, so a weight that reads it only loses columns.
        return [self.stream.part(reads=["keys.weight", "values.weight"])]

    def macs(self) -> list[MacTerm]:
        def every_frame(timing: Timing) -> float:
            return timing.frames

        weights = [MacTerm(every_frame, f"{name}.weight") for name in ("keys", "values", "attention")]
        pooling = MacTerm(every_frame, each=self.heads * self.width)
        return [*weights, pooling, MacTerm(lambda timing: 1, "project.weight")]

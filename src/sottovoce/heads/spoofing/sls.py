"""Sensitive layer selection (Zhang, Wen, Hu 2024, 10.1145/3664647.3681345): a gate for each layer and utterance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.checks.values import WIDTH
from ...encoder.layers.frame_masks import mask_if_padded
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm, Timing, Unit
from ..frames import mean_over_time
from ..head import Embedder
from ..options import Between, EmbeddingSize
from .map_pooling import POOL, pooled_map
from .spectral_maps import MaskedBatchNorm2d


class SLS(Embedder):
    """A sigmoid gate for each layer, computed from its mean over time; the gated sum of all layers; one vector::

        hidden states ─┬─ mean over T ─▶ sigmoid(linear) ─▶ gates [B, L+1] ─┐
        [L+1, B, T, D] └────────────────────────────────────────────── Σ ───┴─▶ project ─▶ norm ─▶ SELU
                                                      ─▶ max of 3 x 3 ─▶ mean and largest over T ─▶ linear ─▶ SELU [B, size]

    The published head flattens the map, so it only takes crops of 64,600 samples, and its 3 x 3 windows cover neighboring
    channels of the residual stream. Here the map is pooled over time, and it is made from a projection of the stream, so
    that channels of the stream can be pruned.

    Args:
        stream: the residual stream of the encoder (`SpeechEncoder.stream`), whose channels the hidden states have.
        layers: number of hidden states, ``L + 1``.
        width: Number of features that the sum of the layers is projected to.
        size: Dimension of the embedding.
    """

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        width: Annotated[int, Between(POOL, WIDTH)] = 384,
        size: EmbeddingSize = 1024,
    ):
        super().__init__()
        self.layers = layers
        self.stream = stream
        self.gate = nn.Linear(stream.width, 1)
        self.project = nn.Linear(stream.width, width)
        self.norm = MaskedBatchNorm2d(1)
        self.output = nn.Linear(2 * (width // POOL), size)

    @property
    def size(self) -> int:
        return self.output.out_features

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """Embeddings ``[B, size]`` from ``L + 1`` hidden states ``[B, T, D]`` and ``lengths[B]`` in frames.

        Raises:
            ValueError: the number of hidden states is not the one that the head was built for.
        """
        self._check(hidden_states)
        inside = mask_if_padded(lengths, hidden_states[0].shape[1])
        x = torch.stack([self._gated(state, inside) for state in hidden_states]).sum(0)
        x = F.selu(self.norm(self.project(x).transpose(1, 2)[:, None], inside))[:, 0]  # [B, width, T]
        x, mask = pooled_map(x.transpose(1, 2), lengths)
        x = x[:, 0]  # [B, width / 3, T / 3]
        largest = x if mask is None else x.masked_fill(~mask[:, None], float("-inf"))
        return F.selu(self.output(torch.cat([mean_over_time(x, mask), largest.amax(2)], dim=1)))

    def _gated(self, state: Tensor, inside: Tensor | None) -> Tensor:
        mean = mean_over_time(state.transpose(1, 2), inside)
        return state * self.gate(mean).sigmoid()[:, None]

    def units(self) -> list[Unit]:
        # Gates of the residual stream act where it is written, so a weight that reads it only loses columns.
        return [self.stream.part(reads=["gate.weight", "project.weight"])]

    def macs(self) -> list[MacTerm]:
        def every_frame(timing: Timing) -> float:
            return timing.frames

        def once(timing: Timing) -> float:
            return 1

        gates = MacTerm(lambda timing: self.layers, "gate.weight")
        return [gates, MacTerm(every_frame, "project.weight"), MacTerm(once, "output.weight")]

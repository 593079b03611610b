"""Attentive statistics pooling: which frames count is learned; their mean and spread make the vector (1803.10963)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoder.stream import Stream
from ..encoder.units import Macs, Timing, Unit
from .head import Head
from .mhfa import weighted_sum

_LEAST = 1e-5  # of a variance: the root has no slope at 0


class AttentiveStatistics(Head):
    """Layer sum, a small map of every frame, weighted mean and deviation over frames, one vector::

        hidden states ─ Σ w ─▶ frames ─▶ norm ─▶ GELU ─┬─▶ hidden ─▶ tanh ─▶ scores ─▶ softmax over T ─┐
        [L+1, B, T, D]         [B, T, width]           └───────────────────────────────────────────────┴─▶ mean, deviation
                                                                       of each of the heads [B, heads · 2 · width] ─▶ [B, size]

    The norm stands behind the map and not on the stream: hidden states of pre-norm encoders grow with depth, and a norm
    over channels that may go would have to know which of them are kept.

    Args:
        stream: the residual stream that the hidden states are states of (`SpeechEncoder.stream`).
        layers: number of hidden states, ``L + 1``.
        width: of the frames that are pooled.
        hidden: units of the attention.
        heads: how many weightings of the frames there are; the paper has one.
        size: of the result.
        dropout: of the pooled statistics.
    """

    def __init__(
        self,
        stream: Stream,
        layers: int,
        *,
        width: int = 256,
        hidden: int = 128,
        heads: int = 1,
        size: int = 256,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.layers = layers
        self.stream = stream
        self.layer_weights = nn.Parameter(torch.ones(layers))
        self.frames = nn.Linear(stream.width, width)
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, hidden)
        self.scores = nn.Linear(hidden, heads)
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(heads * 2 * width, size)

    @property
    def size(self) -> int:
        return self.project.out_features

    def initialise(self) -> None:
        nn.init.ones_(self.layer_weights)

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """``[B, size]`` from ``L + 1`` hidden states ``[B, T, D]`` and ``lengths[B]`` in frames.

        Raises:
            ValueError: another number of hidden states than the head was built for.
        """
        self._check(hidden_states)
        x = F.gelu(self.norm(self.frames(weighted_sum(hidden_states, self.layer_weights))))
        scores = self.scores(torch.tanh(self.hidden(x)))
        if lengths is not None:
            padding = torch.arange(x.shape[1], device=lengths.device)[None] >= lengths[:, None]
            scores = scores.masked_fill(padding[..., None], float("-inf"))
        weights = scores.softmax(1)
        mean = torch.einsum("bth,btk->bhk", weights, x)
        square = torch.einsum("bth,btk->bhk", weights, x.square())
        deviation = (square - mean.square()).clamp(min=_LEAST).sqrt()
        return self.project(self.dropout(torch.cat([mean, deviation], -1).flatten(1)))

    def units(self) -> list[Unit]:
        # The stream is gated where it is written, so the columns that read it are only sliced.
        return [self.stream.part(reads=["frames.weight"])]

    def macs(self) -> list[Macs]:
        def every_frame(timing: Timing) -> float:
            return timing.frames

        pooled = self.project.in_features  # a product for each statistic and frame
        maps = [Macs(every_frame, f"{name}.weight") for name in ("frames", "hidden", "scores")]
        return [*maps, Macs(every_frame, each=pooled), Macs(lambda timing: 1, "project.weight")]

"""What the heads have in common that say something of every frame, or of every few frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..encoder.downsampling import Downsampling
from ..encoder.stream import Stream
from ..encoder.units import Macs, Timing
from .fusion import weighted_sum
from .head import Head

Summed = Literal["sum", "last"]


class FrameHead(Head):
    """A head on one sequence that is made of all hidden states::

        hidden states ─ Σ w ─▶ every `downsampling` frames into one ─▶ [B, T', D]
        [L+1, B, T, D]         └── not where that is 1 ──┘

    Args:
        stream: the residual stream that the hidden states are states of (`SpeechEncoder.stream`).
        layers: number of hidden states, ``L + 1``.
        fusion: ``sum`` of all hidden states under softmax weights, or what the encoder gives out (``last``) alone.
        downsampling: frames that become one before the head.
    """

    def __init__(self, stream: Stream, layers: int, *, fusion: Summed = "sum", downsampling: int = 1):
        super().__init__()
        self.layers, self.fusion, self.stream = layers, fusion, stream
        self.layer_weights = nn.Parameter(torch.ones(layers)) if fusion == "sum" else None
        self.downsampling = Downsampling(stream, downsampling) if downsampling > 1 else None

    def fused(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """``[B, T', D]`` of ``L + 1`` hidden states ``[B, T, D]`` with ``lengths[B]`` valid frames."""
        self._check(hidden_states)
        x = hidden_states[-1] if self.layer_weights is None else weighted_sum(hidden_states, self.layer_weights)
        return x if self.downsampling is None else self.downsampling(x, lengths)

    def output_lengths(self, lengths: Any) -> Any:
        """Frames of the output, of so many frames (a number, or a tensor of numbers) of the hidden states."""
        return lengths if self.downsampling is None else self.downsampling.frames(lengths)

    @property
    def final(self) -> bool:
        return self.fusion == "last"

    def initialise(self) -> None:
        if self.layer_weights is not None:
            nn.init.ones_(self.layer_weights)

    def macs(self) -> list[Macs]:
        return [] if self.downsampling is None else [self.every_frame("downsampling.weight")]

    def every_frame(self, parameter: str) -> Macs:
        """The product with ``parameter`` at each frame of the output."""

        def times(timing: Timing) -> float:
            return self.output_lengths(timing.frames)

        return Macs(times, parameter)

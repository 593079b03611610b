"""Base class of heads whose output has frames."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ...encoder.frontend.downsampling import Downsampling
from ...encoder.layers.convolution import Count
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm, Timing
from ..layer_sum_head import LayerCombination, LayerSumHead
from ..options import Stride


class FrameHead(LayerSumHead):
    """A head on one sequence that is made from all hidden states::

        hidden states ─ Σ w ─▶ every `downsampling` frames into one ─▶ [B, T', D]
        [L+1, B, T, D]         └── not where that is 1 ──┘

    Args:
        stream: the residual stream of the encoder (`SpeechEncoder.stream`), whose channels the hidden states have.
        layers: number of hidden states, ``L + 1``.
        fusion: ``sum`` of all hidden states under softmax weights, or the encoder's output (``last``) alone.
        downsampling: Number of consecutive frames that are merged into one before the head.
    """

    def __init__(
        self, stream: ResidualStream, layers: int, *, fusion: LayerCombination = "sum", downsampling: Stride = 1
    ):
        super().__init__(stream, layers, fusion)
        self.downsampling = Downsampling(stream, downsampling) if downsampling > 1 else None

    def fused(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """One sequence ``[B, T', D]`` from ``L + 1`` hidden states ``[B, T, D]`` with ``lengths[B]`` valid frames."""
        x = super().fused(hidden_states)
        return x if self.downsampling is None else self.downsampling(x, lengths)

    def output_lengths(self, lengths: Count) -> Count:
        """Frames of the output for ``lengths`` frames of the hidden states (a number, or a tensor of numbers)."""
        return lengths if self.downsampling is None else self.downsampling.frames(lengths)

    def macs(self) -> list[MacTerm]:
        return [] if self.downsampling is None else [self.every_frame("downsampling.weight")]

    def every_frame(self, parameter: str) -> MacTerm:
        """The MACs of the product with ``parameter`` at each frame of the output."""

        def times(timing: Timing) -> float:
            return self.output_lengths(timing.frames)

        return MacTerm(times, parameter)

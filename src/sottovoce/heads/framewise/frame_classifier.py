"""Every frame into classes by one linear map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm, Unit
from ..layer_sum_head import LayerCombination, LayerSumHead


class FrameClassifier(LayerSumHead):
    """One linear map on every frame: ``hidden states -> [B, T, classes]``, as in SUPERB's diarization (2105.01051).

    Args:
        stream, layers, fusion: see `LayerSumHead`.
        classes: Outputs. Whether they exclude one another depends on the training: SUPERB's are speakers, each talking or not.
    """

    auto_class = "AutoModelForAudioFrameClassification"

    def __init__(self, stream: ResidualStream, layers: int, *, classes: int, fusion: LayerCombination = "sum"):
        super().__init__(stream, layers, fusion)
        self.output = nn.Linear(stream.width, classes)

    @property
    def size(self) -> int:
        return self.output.out_features

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """``[B, T, classes]`` logits; those of frames from ``lengths[B]`` on mean nothing."""
        return self.output(self.fused(hidden_states))

    def units(self) -> list[Unit]:
        # The stream is gated where it is written, so the columns that read it are only sliced.
        return [self.stream.part(reads=["output.weight"])]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: timing.frames, "output.weight")]

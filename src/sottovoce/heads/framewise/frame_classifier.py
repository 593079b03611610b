"""Classification of every frame by one linear map."""

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
        classes: Number of outputs. Training decides whether they are exclusive: in SUPERB each is one speaker, active or not.
    """

    auto_class = "AutoModelForAudioFrameClassification"

    def __init__(self, stream: ResidualStream, layers: int, *, classes: int, fusion: LayerCombination = "sum"):
        super().__init__(stream, layers, fusion)
        self.output = nn.Linear(stream.width, classes)

    @property
    def size(self) -> int:
        return self.output.out_features

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """``[B, T, classes]`` logits; those of frames beyond ``lengths[B]`` are meaningless."""
        return self.output(self.fused(hidden_states))

    def units(self) -> list[Unit]:
        # Gates of the residual stream act where it is written, so a weight that reads it only loses columns.
        return [self.stream.part(reads=["output.weight"])]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: timing.frames, "output.weight")]

"""Classification of utterances by the mean of their frames."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ..encoder.layers.frame_masks import frame_mask
from ..encoder.stream import ResidualStream
from ..encoder.units import MacTerm, Unit
from .layer_sum_head import LayerCombination, LayerSumHead
from .options import Width


class MeanClassifier(LayerSumHead):
    """Project every frame, take the mean, classify it (the head of SUPERB's utterance tasks, 2105.01051)::

        hidden states ─ fused ─▶ projector ─▶ mean over T ─▶ output ─▶ [B, classes]

    Args:
        stream, layers, fusion: see `LayerSumHead`.
        classes: Number of classes.
        width: Output channels of the projection.
    """

    auto_class = "AutoModelForAudioClassification"
    pipeline = "audio-classification"

    def __init__(
        self, stream: ResidualStream, layers: int, *, classes: int, width: Width = 256, fusion: LayerCombination = "sum"
    ):
        super().__init__(stream, layers, fusion)
        self.projector = nn.Linear(stream.width, width)
        self.output = nn.Linear(width, classes)

    @property
    def size(self) -> int:
        return self.output.out_features

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """``[B, classes]`` logits."""
        x = self.projector(self.fused(hidden_states))
        if lengths is None:
            return self.output(x.mean(1))
        inside = frame_mask(lengths, x.shape[1])[..., None]
        return self.output(x.masked_fill(~inside, 0.0).sum(1) / lengths[:, None])

    def units(self) -> list[Unit]:
        # Gates of the residual stream act where it is written, so a weight that reads it only loses columns.
        return [self.stream.part(reads=["projector.weight"])]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: timing.frames, "projector.weight"), MacTerm(lambda timing: 1, "output.weight")]

"""The transducer head: a stateless predictor of the last labels, and a joiner of frames and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...encoder.config import Shape
from ...encoder.layers.frame_masks import frame_mask
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm, Unit
from ..framewise.frame_head import FrameHead
from ..layer_sum_head import LayerCombination
from ..options import Count, Stride, Width
from .ctc import BLANK
from .joiner import Joiner
from .predictor import StatelessPredictor


class Joint(NamedTuple):
    """The inputs of the additive joiner for a batch of lattices.

    Args:
        frames: projected frames ``[B, T, J]``.
        states: projected states ``[B, U + 1, J]`` of the predictor, the first before any label.
        weight: weight ``[V, J]`` of the last linear map.
        bias: its bias ``[V]``.
    """

    frames: Tensor
    states: Tensor
    weight: Tensor
    bias: Tensor


class Transducer(FrameHead):
    """Predictor and joiner, with an optional CTC output (Graves 2012, 1211.3711)::

        hidden states ─ fused ─▶ frames ─▶ joiner ─▶ logits of the next label, or the blank
                                   │         ▲
                                   │     predictor ◀─ the labels so far
                                   └─▶ ctc

    Args:
        stream, layers: see `FrameHead`.
        outputs: number of labels including the blank, ``V``; the blank is output 0.
        predictor: Width of the predictor's embedding, ``E``.
        context: Number of labels that the predictor sees.
        width: Inner units of the joiner, ``J``.
        ctc: Whether there is a CTC output for an auxiliary loss.
        fusion: ``sum`` of all hidden states under softmax weights, or the encoder's output (``last``) alone.
        downsampling: Number of consecutive frames that are merged into one before the head.
        shape: widths that remain after pruning; ``None`` for an unpruned head.
    """

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        outputs: int,
        predictor: Width = 512,
        context: Count = 2,
        width: Width = 512,
        ctc: bool = True,
        fusion: LayerCombination = "sum",
        downsampling: Stride = 1,
        shape: Shape | None = None,
    ):
        super().__init__(stream, layers, fusion=fusion, downsampling=downsampling)
        self.outputs, self.blank = outputs, BLANK
        self.predictor = StatelessPredictor(outputs, size=predictor, context=context, blank=BLANK)
        self.original_shape = {"joiner": {"width": width}}
        self.shape = shape or self.original_shape
        self.joiner = Joiner(stream, predictor, outputs, width=self.shape["joiner"]["width"])
        self.ctc = nn.Linear(stream.width, outputs) if ctc else None

    @property
    def size(self) -> int:
        """Number of outputs."""
        return self.outputs

    def forward(
        self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None, *, targets: Tensor | None = None
    ) -> Tensor:
        """The frames ``[B, T, D]`` that the loss and the search start from. With ``targets[B, U]``, the logits
        ``[B, T, U + 1, V]`` of all lattice nodes, which take much memory."""
        frames = self.fused(hidden_states, lengths)
        if targets is None:
            return frames
        states = self.joiner.predictor(self.predictor(targets))
        return self.joiner(self.project(frames)[:, :, None], states[:, None])

    def project(self, frames: Tensor) -> Tensor:
        """Frames ``[..., D]`` projected to the width of the joiner, ``[..., J]``."""
        return self.joiner.encoder(frames)

    def joint(self, frames: Tensor, targets: Tensor, target_lengths: Tensor) -> Joint:
        """The joiner's inputs for frames ``[B, T, D]`` and labels ``targets[B, U]``.

        Targets beyond ``target_lengths[B]`` are ignored.
        """
        inside = frame_mask(target_lengths.to(targets.device), targets.shape[1])
        labels = targets.masked_fill(~inside, self.blank)  # padding may have any value, such as -1
        states = self.joiner.predictor(self.predictor(labels.clamp(0, self.outputs - 1)))
        return Joint(self.project(frames), states, self.joiner.gated_weight(), self.joiner.output.bias)

    def probe(self, batch: int) -> dict[str, Tensor]:
        labels = torch.arange(3 * batch).view(batch, 3) % (self.outputs - 1) + 1
        return {"targets": labels}

    def units(self) -> list[Unit]:
        return [] if self.ctc is None else [self.stream.part(reads=["ctc.weight"])]

    def macs(self) -> list[MacTerm]:
        # One evaluation of predictor and joiner for each frame, as greedy search needs for blanks. Further evaluations for
        # labels are few, and most contexts are cached.
        used = ["predictor.convolution"] if self.predictor.convolution is not None else []
        used += [f"joiner.{name}" for name in ("encoder", "predictor", "output")]
        return [*super().macs(), *(self.every_frame(f"{name}.weight") for name in used)]

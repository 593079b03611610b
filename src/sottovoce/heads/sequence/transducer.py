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
    """What goes into the additive joiner at the nodes of a batch of lattices.

    Args:
        frames: ``[B, T, J]`` projected.
        states: ``[B, U + 1, J]`` projected, of the predictor, the first before any label.
        weight: ``[V, J]`` of the last linear map.
        bias: ``[V]``.
    """

    frames: Tensor
    states: Tensor
    weight: Tensor
    bias: Tensor


class Transducer(FrameHead):
    """Predictor and joiner, with a CTC output beside them if wanted (Graves 2012, 1211.3711)::

        hidden states ─ fused ─▶ frames ─▶ joiner ─▶ logits of the next label, or the blank
                                   │         ▲
                                   │     predictor ◀─ the labels so far
                                   └─▶ ctc

    Args:
        stream, layers: see `FrameHead`.
        outputs: labels and the blank, ``V``; the blank is output 0.
        predictor: Size of the predictor's embedding, ``E``.
        context: Labels that the predictor sees.
        width: Inner units of the joiner, ``J``.
        ctc: Whether there is a CTC output for an auxiliary loss.
        fusion: ``sum`` of all hidden states under softmax weights, or the encoder's output (``last``) alone.
        downsampling: Frames that become one before the head.
        shape: what is left of the widths after pruning; ``None`` where nothing has been pruned.
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
        """Outputs."""
        return self.outputs

    def forward(
        self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None, *, targets: Tensor | None = None
    ) -> Tensor:
        """The frames ``[B, T, D]`` that the loss and search start from; with ``targets[B, U]`` the logits
        ``[B, T, U + 1, V]`` of all nodes of their lattices (memory!)."""
        frames = self.fused(hidden_states, lengths)
        if targets is None:
            return frames
        states = self.joiner.predictor(self.predictor(targets))
        return self.joiner(self.project(frames)[:, :, None], states[:, None])

    def project(self, frames: Tensor) -> Tensor:
        """``[..., J]``: frames ``[..., D]`` as the joiner adds them."""
        return self.joiner.encoder(frames)

    def joint(self, frames: Tensor, targets: Tensor, target_lengths: Tensor) -> Joint:
        """What the joiner makes the logits of frames ``[B, T, D]`` and labels ``targets[B, U]`` from.

        Beyond ``target_lengths[B]`` targets may be anything.
        """
        inside = frame_mask(target_lengths.to(targets.device), targets.shape[1])
        labels = targets.masked_fill(~inside, self.blank)  # padding may be anything, -1 for one
        states = self.joiner.predictor(self.predictor(labels.clamp(0, self.outputs - 1)))
        return Joint(self.project(frames), states, self.joiner.gated_weight(), self.joiner.output.bias)

    def probe(self, batch: int) -> dict[str, Tensor]:
        labels = torch.arange(3 * batch).view(batch, 3) % (self.outputs - 1) + 1
        return {"targets": labels}

    def units(self) -> list[Unit]:
        return [] if self.ctc is None else [self.stream.part(reads=["ctc.weight"])]

    def macs(self) -> list[MacTerm]:
        # One evaluation of predictor and joiner a frame: what greedy search needs while it says nothing. Labels come
        # at most once a frame or so; most contexts are met again and not computed.
        used = ["predictor.convolution"] if self.predictor.convolution is not None else []
        used += [f"joiner.{name}" for name in ("encoder", "predictor", "output")]
        return [*super().macs(), *(self.every_frame(f"{name}.weight") for name in used)]

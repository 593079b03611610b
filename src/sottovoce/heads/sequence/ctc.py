"""The CTC head: a label or the blank for every frame."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.layers.frame_masks import frame_mask
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm, Unit
from ..framewise.frame_head import FrameHead
from ..layer_sum_head import LayerCombination
from ..options import Dropout, Stride, Width

BLANK = 0
"""Index of the blank, the output for "no label here" (Graves et al. 2006)."""

_NEVER = -1e4  # as a logit; float16 holds it


class CTC(FrameHead):
    """A small network on every frame::

        hidden states ─ fused ─▶ inner ─▶ norm ─▶ GELU ─▶ output ─▶ [B, T, outputs]
        [L+1, B, T, D]           └────── not where width is None ──────┘

    The norm follows the inner map and is not applied to the residual stream, because a norm over channels that can be
    pruned would have to know which of them remain.

    Args:
        stream, layers: see `FrameHead`.
        outputs: Number of labels including the blank, which is output 0.
        width: Units of the inner map; ``None`` (``null``) for a single linear map, as in the CTC classes of Transformers.
        fusion: ``sum`` of all hidden states under softmax weights, or the encoder's output (``last``) alone.
        dropout: Dropout before the output.
        downsampling: Number of consecutive frames that are merged into one before the head.
    """

    auto_class = "AutoModelForCTC"
    pipeline = "automatic-speech-recognition"

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        outputs: int,
        width: Width | None = 256,
        fusion: LayerCombination = "sum",
        dropout: Dropout = 0.0,
        downsampling: Stride = 1,
    ):
        super().__init__(stream, layers, fusion=fusion, downsampling=downsampling)
        self.outputs = outputs
        self.inner = None if width is None else nn.Linear(stream.width, width)
        self.norm = None if width is None else nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(stream.width if width is None else width, outputs)

    @property
    def size(self) -> int:
        """Number of outputs."""
        return self.outputs

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """``[B, T, outputs]`` logits; frames beyond ``output_lengths(lengths)`` predict the blank.

        Raises:
            ValueError: the number of hidden states is not the one that the head was built for.
        """
        x = self.fused(hidden_states, lengths)
        if self.inner is not None and self.norm is not None:
            x = F.gelu(self.norm(self.inner(x)))
        logits = self.output(self.dropout(x))
        if lengths is None:
            return logits
        inside = frame_mask(self.output_lengths(lengths), logits.shape[1])
        silent = torch.full((self.outputs,), _NEVER, dtype=logits.dtype, device=logits.device)
        silent[BLANK] = 0.0
        return torch.where(inside[..., None], logits, silent)

    def units(self) -> list[Unit]:
        # Gates of the residual stream act where it is written, so a weight that reads it only loses columns.
        return [self.stream.part(reads=["output.weight" if self.inner is None else "inner.weight"])]

    def macs(self) -> list[MacTerm]:
        names = ["output.weight"] if self.inner is None else ["inner.weight", "output.weight"]
        return [*super().macs(), *map(self.every_frame, names)]

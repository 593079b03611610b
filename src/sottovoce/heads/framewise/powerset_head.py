"""Which of a few local speakers are active in each frame: the head of DiariZen (2505.24111)."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Annotated, TypeAlias

import torch
from torch import Tensor, nn

from ...encoder.config import Shape
from ...encoder.layers.attention import AttentionContext
from ...encoder.layers.frame_masks import frame_mask
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm, Timing, Unit
from ...errors import CheckpointError
from ...text.plain_data import whole_in
from ..conformer import conformers, whole_layer
from ..layer_sum_head import LayerSumHead
from ..options import Between, Count, Dropout, OptionValues, Width

Speakers: TypeAlias = Annotated[int, Between(1, 8)]

NOBODY = 0
"""The class of silence."""

_NEVER = -1e4  # as a logit; float16 holds it


class PowersetHead(LayerSumHead):
    """Layer sum, projection, Conformer layers, and a class for each set of speakers::

        hidden states ─ Σ w ─▶ project ─▶ norm ─▶ Conformer × 4 ─▶ output ─▶ [B, T, classes]
        [L+1, B, T, D]          [B, T, 256]

    This is the network of DiariZen's ``model_wavlm_conformer.py``: the weights of the layer sum are free (they may be
    negative and need not sum to 1), and the Conformer layers have no positional encoding, and batch norm in their convolution
    modules. Their units can be pruned with those of the encoder; their model width is fixed.

    Args:
        stream: the residual stream of the encoder (`SpeechEncoder.stream`), whose channels the hidden states have.
        layers: number of hidden states, ``L + 1``.
        speakers: Maximum number of speakers in one window; see `sottovoce.diarization.powerset.Powerset`.
        at_once: Maximum number of speakers in one frame.
        width: Width of the Conformer layers.
        blocks: Number of Conformer layers.
        inner: Feed-forward units of each layer.
        heads: Attention heads of each layer.
        kernel: Convolution taps of each layer.
        dropout: Dropout inside the layers.
        shape: widths that remain of the Conformer layers after pruning; ``None`` for an unpruned head.

    Raises:
        CheckpointError: ``at_once`` exceeds ``speakers``, or ``heads`` does not divide the width.
    """

    auto_class = "AutoModelForAudioFrameClassification"

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        speakers: Speakers = 4,
        at_once: Speakers = 2,
        width: Width = 256,
        blocks: Annotated[int, Between(0, 64)] = 4,
        inner: Width = 1024,
        heads: Count = 4,
        kernel: Count = 31,
        dropout: Dropout = 0.1,
        shape: Shape | None = None,
    ):
        self.check({"speakers": speakers, "at_once": at_once, "width": width, "heads": heads})
        super().__init__(stream, layers, "linear")
        self.speakers, self.at_once = speakers, at_once
        self.project = nn.Linear(stream.width, width)
        self.norm = nn.LayerNorm(width)
        self.original_shape = {"blocks": [whole_layer(width, inner=inner, heads=heads) for _ in range(blocks)]}
        self.shape = shape or self.original_shape
        self.blocks = conformers(width, self.shape["blocks"], head_dim=width // heads, kernel=kernel, dropout=dropout)
        self.output = nn.Linear(width, sum(comb(speakers, count) for count in range(at_once + 1)))

    @staticmethod
    def check(options: OptionValues) -> None:
        """Check that ``at_once`` is at most ``speakers``, and that ``heads`` divides the width.

        Raises:
            CheckpointError: they do not.
        """
        at_once, speakers, width, heads = (whole_in(options, n) for n in ("at_once", "speakers", "width", "heads"))
        if at_once > speakers:
            raise CheckpointError(f"{at_once} of {speakers} speakers cannot speak at once")
        if width % heads:
            raise CheckpointError(f"{heads} heads do not divide a width of {width}")

    @property
    def size(self) -> int:
        return self.output.out_features

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """``[B, T, classes]`` logits; in frames beyond ``lengths[B]`` they say that nobody speaks.

        Raises:
            ValueError: the number of hidden states is not the one that the head was built for.
        """
        x = self.norm(self.project(self.fused(hidden_states)))
        mask = None
        if lengths is not None:
            mask = frame_mask(lengths, x.shape[1])
        for block in self.blocks:
            x = block(x, AttentionContext(valid=mask))
        logits = self.output(x)
        if mask is None:
            return logits
        silent = torch.full((self.size,), _NEVER, dtype=logits.dtype, device=logits.device)
        silent[NOBODY] = 0.0
        return torch.where(mask[..., None], logits, silent)

    def units(self) -> list[Unit]:
        # Gates of the residual stream act where it is written, so a weight that reads it only loses columns.
        return [self.stream.part(reads=["project.weight"])]

    def macs(self) -> list[MacTerm]:
        def every_frame(timing: Timing) -> float:
            return timing.frames

        return [MacTerm(every_frame, f"{name}.weight") for name in ("project", "output")]

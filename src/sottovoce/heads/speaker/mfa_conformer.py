"""MFA-Conformer: the concatenated outputs of all Conformer blocks, and attentive statistics (2203.15249)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.config import Shape
from ...encoder.layers.attention import AttentionContext
from ...encoder.layers.convolution import Count as FrameCount
from ...encoder.layers.frame_masks import frame_mask
from ...encoder.layers.positions import AttentionSpan, RelativePosition, SinusoidPositions
from ...encoder.layers.safe_convolution import Conv2d
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm, Retimed, Timing
from ...errors import CheckpointError
from ...text.plain_data import whole_in
from ..conformer import conformers, whole_layer
from ..frames import check_frames
from ..layer_aggregation import AggregationChoice, LayerSum, build_layer_aggregation
from ..options import Blocks, Count, Dropout, EmbeddingSize, OptionValues, Width
from .channels_as_bins import ChannelsAsBins
from .pooling import PoolingChoice
from .pooling_head import FrameEncoder, SpeakerEmbedder

MINIMUM = 7
"""The smallest number of bins and frames of which the convolutions leave one."""


class MFAConformer(SpeakerEmbedder):
    """Conformer blocks with relative positions; the outputs of all of them are normalized and pooled together.

    This is ESPnet-SPK's ``MfaConformerEncoder`` with its ``ChnAttnStatPooling`` and ``RawNet3Projector``, which was published
    for a filterbank: convolutions over bins and time halve both before the blocks. On the channels of an encoder of speech
    they are very wide; there ``entry: linear`` is a linear map that keeps the frames.

    Args:
        stream, layers: the residual stream and the number of hidden states of the encoder, see `Head`.
        width: Width of the Conformer layers.
        blocks: Number of Conformer layers.
        inner: Feed-forward units of each layer.
        heads: Attention heads of each layer.
        kernel: Convolution taps of each layer.
        dropout: Dropout inside the layers.
        entry: What is before the layers: ``convolutions`` over bins and time, or a ``linear`` map.
        size: Dimension of the embedding.
        fusion: How the hidden states become one sequence of frames, see `layer_aggregation`.
        pooling: How the frames become one vector, see `pooling`.
        shape: widths that remain of the blocks after pruning; ``None`` for an unpruned head.

    Raises:
        CheckpointError: ``width`` is not a multiple of ``2 * heads``.
    """

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        width: Width = 512,
        blocks: Blocks = 6,
        inner: Width = 2048,
        heads: Count = 8,
        kernel: Count = 15,
        dropout: Dropout = 0.1,
        entry: Literal["convolutions", "linear"] = "convolutions",
        size: EmbeddingSize = 256,
        fusion: AggregationChoice = "sum",
        pooling: PoolingChoice = "channel_attentive",
        shape: Shape | None = None,
    ):
        self.check({"width": width, "heads": heads})
        into = build_layer_aggregation(stream, layers, fusion)
        whole = {"trunk": {"blocks": [whole_layer(width, inner=inner, heads=heads) for _ in range(blocks)]}}
        left = shape or whole
        before: MapEntry | LinearEntry = LinearEntry(into.width, width)
        if entry == "convolutions":
            spectrum = ChannelsAsBins(stream) if isinstance(into, LayerSum) else None
            before = MapEntry(into.width if spectrum is None else stream.original, width, spectrum)
        trunk = ConformerEncoder(before, width, left["trunk"]["blocks"], width // heads, kernel, dropout)
        super().__init__(layers, fusion=into, trunk=trunk, pooled=pooling, size=size)
        self.shape, self.original_shape = left, whole

    @staticmethod
    def check(options: OptionValues) -> None:
        """Check that every attention head has an even width, which relative positions require.

        Raises:
            CheckpointError: it does not.
        """
        width, heads = whole_in(options, "width"), whole_in(options, "heads")
        if width % (2 * heads):
            raise CheckpointError(
                f"a width of {width} is not an even number for each of {heads} heads; take a multiple of {2 * heads}"
            )


class LinearEntry(nn.Linear):
    """A linear map on every frame."""

    reads = ("weight",)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """``[B, C, T] -> [B, T, width]``."""
        return super().forward(x.transpose(1, 2))

    def output_frames(self, frames: FrameCount) -> FrameCount:
        """Number of output frames."""
        return frames

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: timing.frames, "weight")]


class MapEntry(nn.Module):
    """Two convolutions over bins and time, the first with stride 2, and a linear map, whose output is scaled (ESPnet's
    ``Conv2dSubsampling2`` and the scale of its positional encoding)::

        [B, C, T] ─▶ 3 × 3 / 2 ─▶ ReLU ─▶ 3 × 3 ─▶ ReLU ─▶ [B, T', width · C'] ─▶ out ─▶ × √width

    Nothing is padded: ``T'`` is ``(T - 1) // 2 - 2``, and so is ``C'``.

    Args:
        inputs: number of bins, ``C``.
        width: channels of the convolutions and of the output.
        spectrum: puts the channels where they are bins.

    Raises:
        CheckpointError: there are too few bins.
    """

    reads: tuple[str, ...] = ()

    def __init__(self, inputs: int, width: int, spectrum: ChannelsAsBins | None):
        super().__init__()
        if inputs < MINIMUM:
            raise CheckpointError(f"the convolutions need {MINIMUM} bins and get {inputs}; take entry: linear")
        self.inputs, self.scale = inputs, sqrt(width)
        self.spectrum = spectrum
        self.halve = Conv2d(1, width, 3, stride=2)
        self.conv = Conv2d(width, width, 3)
        self.out = nn.Linear(width * self.output_frames(inputs), width)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """``[B, C, T] -> [B, T', width]``.

        Raises:
            AudioError: an utterance of which no frame is left.
        """
        check_frames(torch.tensor([x.shape[2]]) if lengths is None else lengths, MINIMUM)
        x = x if self.spectrum is None else self.spectrum(x)
        x = F.relu(self.conv(F.relu(self.halve(x.transpose(1, 2)[:, None]))))  # [B, width, T', C']
        return self.out(x.transpose(1, 2).flatten(2)) * self.scale

    def output_frames(self, frames: FrameCount) -> FrameCount:
        """Number of output frames (or bins)."""
        return (frames - 1) // 2 - 2

    def macs(self) -> list[MacTerm]:
        half, quarter = (self.inputs - 1) // 2, self.output_frames(self.inputs)
        return [
            MacTerm(lambda timing: half * ((timing.frames - 1) // 2), "halve.weight"),
            MacTerm(lambda timing: quarter * self.output_frames(timing.frames), "conv.weight"),
            MacTerm(lambda timing: self.output_frames(timing.frames), "out.weight"),
        ]


class RetimedLayers(Retimed, nn.ModuleList):
    """Layers behind an entry that gives fewer frames."""

    def __init__(self, layers: nn.ModuleList, frames: Callable[[int], int]):
        super().__init__(layers)
        self.frames = frames

    def retimed(self, timing: Timing) -> Timing:
        return replace(timing, frames=self.frames(timing.frames))


class ConformerEncoder(FrameEncoder):
    """The blocks behind an entry, and a norm over their concatenated outputs."""

    def __init__(
        self,
        entry: MapEntry | LinearEntry,
        width: int,
        layers: list[Shape],
        head_dim: int,
        kernel: int,
        dropout: float,
    ):
        super().__init__()
        self.width = len(layers) * width
        self.entry = entry
        self.reads = tuple(f"entry.{name}" for name in entry.reads)
        self.dropout = nn.Dropout(dropout)
        self.positions = SinusoidPositions(width)
        blocks = conformers(
            width,
            layers,
            head_dim=head_dim,
            kernel=kernel,
            dropout=dropout,
            position=lambda heads: RelativePosition(width, heads, head_dim),
            eps=1e-12,
        )
        self.blocks = RetimedLayers(blocks, entry.output_frames)
        self.norm = nn.LayerNorm(self.width, eps=1e-12)
        self.count = self.pooled_count

    def pooled_count(self, timing: Timing) -> float:
        return self.entry.output_frames(timing.frames)

    def initialize(self) -> None:
        for module in self.modules():
            if isinstance(module, RelativePosition):
                nn.init.zeros_(module.content)
                nn.init.zeros_(module.position)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        lengths = None if mask is None else mask.sum(1)
        x = self.dropout(self.entry(x, lengths))
        if lengths is not None:
            mask = frame_mask(self.entry.output_frames(lengths), x.shape[1])
        sight = AttentionContext(self.positions.prepare(AttentionSpan(x.shape[1]), x), mask)
        out = []
        for block in self.blocks:
            x = block(x, sight)
            out.append(x)
        return self.norm(torch.cat(out, dim=-1)).transpose(1, 2)

    def output_frames(self, frames: FrameCount) -> FrameCount:
        return self.entry.output_frames(frames)

"""The x-vector (Snyder et al. 2018) as ESPnet-SPK has it: a time-delay network, statistics pooling, two linear maps."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.layers.convolution import Count
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm, Timing
from ..frames import ConvBlock, check_frames, set_count
from ..layer_aggregation import AggregationChoice, build_layer_aggregation
from ..options import EmbeddingSize, Width
from .pooling import PoolingChoice
from .pooling_head import FrameEncoder, SpeakerEmbedder

CONTEXT = ((5, 1, 2), (3, 2, 1), (3, 3, 1), (1, 1, 0), (1, 1, 0))
"""Taps, dilation and zeros on each side, of each layer. The second and third lose 2 and 4 frames, as ESPnet's do."""


class XVector(SpeakerEmbedder):
    """Four layers of ``channels`` that see 15 frames, one of ``wide``, mean and standard deviation, two linear maps.

    This is ESPnet-SPK's ``XvectorEncoder`` with its ``StatsPooling`` and ``XvectorProjector``::

        hidden states ─▶ fusion ─▶ trunk ─▶ pooling ─▶ embed ─▶ ReLU ─▶ project ─▶ [B, size]

    Args:
        stream, layers: the residual stream and the number of hidden states of the encoder, see `Head`.
        channels: Channels of the first four layers; 512 in the paper.
        wide: Channels of the last layer, which is pooled; 1500 in the paper.
        size: Dimension of the embedding.
        fusion: How the hidden states become one sequence of frames, see `layer_aggregation`.
        pooling: How the frames become one vector, see `pooling`.
    """

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        channels: Width = 512,
        wide: Width = 1500,
        size: EmbeddingSize = 512,
        fusion: AggregationChoice = "sum",
        pooling: PoolingChoice = "statistics",
    ):
        into = build_layer_aggregation(stream, layers, fusion)
        trunk = TimeDelay(into.width, channels, wide)
        super().__init__(layers, fusion=into, trunk=trunk, pooled=pooling, size=size, norm=False)
        self.project = nn.Linear(size, size)

    def pool(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.project(F.relu(super().pool(frames, mask)))

    def macs(self) -> list[MacTerm]:
        return [*super().macs(), MacTerm(lambda timing: 1, "project.weight")]


class TimeDelay(FrameEncoder):
    """The frame-level layers of an x-vector."""

    reads = ("blocks.0.conv.weight",)

    def __init__(self, inputs: int, channels: int, wide: int):
        super().__init__()
        self.width = wide
        widths = [inputs, *[channels] * (len(CONTEXT) - 1), wide]
        blocks = [
            ConvBlock(widths[i], widths[i + 1], kernel, dilation=dilation, padding=padding)
            for i, (kernel, dilation, padding) in enumerate(CONTEXT)
        ]
        self.blocks = nn.ModuleList(blocks)
        self.lost = 0
        for block in blocks:
            self.lost += block.lost
            set_count(block, Without(self.lost))
        self.count = Without(self.lost)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, inputs, T] -> [B, wide, T - 6]``.

        Raises:
            AudioError: an utterance of which fewer than two frames are left.
        """
        check_frames(x.new_tensor([x.shape[2]]) if mask is None else mask.sum(1), self.lost + 2)
        for block in self.blocks:
            x = block(x, mask)
            mask = None if mask is None else mask[:, block.lost :]
        return x

    def output_frames(self, frames: Count) -> Count:
        return frames - self.lost


@dataclass(frozen=True)
class Without:
    """The number of frames when some are lost."""

    lost: int

    def __call__(self, timing: Timing) -> int:
        return max(timing.frames - self.lost, 0)

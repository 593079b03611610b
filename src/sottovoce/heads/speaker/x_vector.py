"""The x-vector: a time-delay network and statistics pooling (Snyder et al. 2018)."""

from __future__ import annotations

from torch import Tensor, nn

from ...encoder.stream import ResidualStream
from ..frames import ConvBlock
from ..layer_aggregation import AggregationChoice, build_layer_aggregation
from ..options import EmbeddingSize, Width
from .pooling import PoolingChoice
from .pooling_head import FrameEncoder, SpeakerEmbedder

CONTEXT = ((5, 1), (3, 2), (3, 3), (1, 1))
"""(taps, dilation) of the layers of ``channels``; the wide layer after them has one tap."""


class XVector(SpeakerEmbedder):
    """Four layers of ``channels`` that see 15 frames, one of ``wide``, mean and standard deviation, a linear map to ``size``.

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


class TimeDelay(FrameEncoder):
    """The frame-level layers of an x-vector."""

    reads = ("blocks.0.conv.weight",)

    def __init__(self, inputs: int, channels: int, wide: int):
        super().__init__()
        self.width = wide
        self.blocks = nn.ModuleList(
            ConvBlock(inputs if i == 0 else channels, channels, kernel, dilation=dilation)
            for i, (kernel, dilation) in enumerate(CONTEXT)
        )
        self.blocks.append(ConvBlock(channels, wide))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x, mask)
        return x

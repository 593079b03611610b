"""ECAPA-TDNN: channel attention, propagation and aggregation in a time-delay network (2005.07143)."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.stream import ResidualStream
from ..frames import ConvBlock, SqueezeExcitation, TimeConv
from ..layer_aggregation import AggregationChoice, build_layer_aggregation
from ..options import EmbeddingSize, Width
from .pooling import PoolingChoice
from .pooling_head import FrameEncoder, SpeakerEmbedder
from .res2 import GroupedChannels, Groups, cascade_groups, check_groups

DILATIONS = (2, 3, 4)


class ECAPA(SpeakerEmbedder):
    """Three squeeze-excitation Res2 blocks, a layer on their concatenated outputs, and channel-attentive statistics.

    Args:
        stream, layers: the residual stream and the number of hidden states of the encoder, see `Head`.
        channels: Channels of the blocks; in the paper 512 (6.2 M parameters on 80 features) or 1024 (14.7 M).
        scale: Groups of channels inside a block.
        bottleneck: Hidden units of the squeeze-excitation.
        wide: Channels of the last frame-level layer, whose output is pooled.
        size: Dimension of the embedding.
        fusion: How the hidden states become one sequence of frames, see `layer_aggregation`.
        pooling: How the frames become one vector, see `pooling`.

    Raises:
        CheckpointError: the channels cannot be divided into equal groups.
    """

    check = staticmethod(check_groups)

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        channels: GroupedChannels = 512,
        scale: Groups = 8,
        bottleneck: Width = 128,
        wide: Width = 1536,
        size: EmbeddingSize = 192,
        fusion: AggregationChoice = "sum",
        pooling: PoolingChoice = "channel_attentive",
    ):
        check_groups({"channels": channels, "scale": scale})
        into = build_layer_aggregation(stream, layers, fusion)
        trunk = ECAPAEncoder(into.width, channels, scale, bottleneck, wide)
        super().__init__(layers, fusion=into, trunk=trunk, pooled=pooling, size=size, out_norm=True)


class ECAPAEncoder(FrameEncoder):
    """The frame-level layers: the input of a block is the sum of all outputs before it."""

    reads = ("entry.conv.weight",)

    def __init__(self, inputs: int, channels: int, scale: int, bottleneck: int, wide: int):
        super().__init__()
        self.width = wide
        self.entry = ConvBlock(inputs, channels, 5)
        self.blocks = nn.ModuleList(ECAPABlock(channels, dilation, scale, bottleneck) for dilation in DILATIONS)
        self.aggregate = TimeConv(len(DILATIONS) * channels, wide)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.entry(x, mask)
        out = []
        for block in self.blocks:
            out.append(block(x, mask))
            x = x + out[-1]
        return F.relu(self.aggregate(torch.cat(out, dim=1)))


class ECAPABlock(nn.Module):
    """Pointwise layer, Res2 over time, pointwise layer, squeeze-excitation, with a residual connection around all of them."""

    def __init__(self, channels: int, dilation: int, scale: int, bottleneck: int):
        super().__init__()
        self.enter = ConvBlock(channels, channels)
        self.groups = nn.ModuleList(
            ConvBlock(channels // scale, channels // scale, 3, dilation=dilation) for _ in range(scale - 1)
        )
        self.leave = ConvBlock(channels, channels)
        self.squeeze_excitation = SqueezeExcitation(channels, bottleneck)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = cascade_groups(self.enter(x, mask), [partial(group, mask=mask) for group in self.groups])
        return x + self.squeeze_excitation(self.leave(y, mask), mask)

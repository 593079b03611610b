"""RawNet3 (2203.08488) without its filterbank: Res2 blocks with feature-map scaling on the hidden states of an encoder."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm
from ..frames import ConvBlock, TimeConv, mean_over_time
from ..layer_aggregation import AggregationChoice, build_layer_aggregation
from ..options import EmbeddingSize, Width
from .pooling import PoolingChoice
from .pooling_head import FrameEncoder, SpeakerEmbedder
from .res2 import GroupedChannels, Groups, cascade_groups, check_groups

DILATIONS = (2, 3, 4)


class RawNet3(SpeakerEmbedder):
    """Three Res2 blocks, a layer on their concatenated outputs, and channel-attentive statistics.

    The shortcut of the first block always has a linear map, so that the residual stream can lose channels. (The published
    network has none where widths are equal.)

    The published network reduces the 1 ms steps of its own filterbank to 15 ms by two max poolings. Both are left out,
    because these frames have 20 ms.

    Args:
        stream, layers: the residual stream and the number of hidden states of the encoder, see `Head`.
        channels: Channels of the blocks.
        scale: Groups of channels inside a block.
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
        channels: GroupedChannels = 1024,
        scale: Groups = 8,
        wide: Width = 1536,
        size: EmbeddingSize = 256,
        fusion: AggregationChoice = "sum",
        pooling: PoolingChoice = "channel_attentive",
    ):
        check_groups({"channels": channels, "scale": scale})
        into = build_layer_aggregation(stream, layers, fusion)
        trunk = RawNet3Encoder(into.width, channels, scale, wide)
        super().__init__(layers, fusion=into, trunk=trunk, pooled=pooling, size=size)


class RawNet3Encoder(FrameEncoder):
    """The frame-level layers."""

    reads = ("blocks.0.enter.conv.weight", "blocks.0.past.weight")

    def __init__(self, inputs: int, channels: int, scale: int, wide: int):
        super().__init__()
        self.width = wide
        self.blocks = nn.ModuleList(
            RawNet3Block(inputs if i == 0 else channels, channels, dilation, scale, mapped=i == 0)
            for i, dilation in enumerate(DILATIONS)
        )
        self.aggregate = TimeConv(len(DILATIONS) * channels, wide)

    def initialize(self) -> None:
        for module in self.modules():
            if isinstance(module, FeatureMapScaling):
                nn.init.ones_(module.shift)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        first = self.blocks[0](x, mask)
        second = self.blocks[1](first, mask)
        third = self.blocks[2](first + second, mask)
        return F.relu(self.aggregate(torch.cat([first, second, third], dim=1)))


class RawNet3Block(nn.Module):
    """Pointwise layer, Res2 over time, pointwise layer, a shortcut (linear if ``mapped``), then feature-map scaling."""

    def __init__(self, inputs: int, channels: int, dilation: int, scale: int, *, mapped: bool):
        super().__init__()
        self.enter = ConvBlock(inputs, channels)
        self.groups = nn.ModuleList(
            ConvBlock(channels // scale, channels // scale, 3, dilation=dilation) for _ in range(scale - 1)
        )
        self.leave = ConvBlock(channels, channels)
        self.past = TimeConv(inputs, channels, bias=False) if mapped else None
        self.scaling = FeatureMapScaling(channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = cascade_groups(self.enter(x, mask), [partial(group, mask=mask) for group in self.groups])
        past = x if self.past is None else self.past(x)
        return self.scaling(self.leave(y, mask) + past, mask)


class FeatureMapScaling(nn.Module):
    """``(x + shift) · sigmoid(W mean x + b)``: alpha feature-map scaling (2004.00526)."""

    def __init__(self, channels: int):
        super().__init__()
        self.shift = nn.Parameter(torch.ones(channels))
        self.scale = nn.Linear(channels, channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        scale = torch.sigmoid(self.scale(mean_over_time(x, mask)))
        return (x + self.shift[:, None]) * scale[..., None]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: 1, "scale.weight")]

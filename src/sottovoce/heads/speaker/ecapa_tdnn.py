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

    This is ESPnet-SPK's ``EcapaTdnnEncoder`` with its ``ChnAttnStatPooling`` and ``RawNet3Projector``. wespeaker's network is
    `WespeakerECAPA`.

    Args:
        stream, layers: the residual stream and the number of hidden states of the encoder, see `Head`.
        channels: Channels of the blocks: 1024 in ESPnet-SPK (14.7 M parameters on 80 features), or 512 (6.2 M).
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
        channels: GroupedChannels = 1024,
        scale: Groups = 8,
        bottleneck: Width = 128,
        wide: Width = 1536,
        size: EmbeddingSize = 192,
        fusion: AggregationChoice = "sum",
        pooling: PoolingChoice = "channel_attentive",
    ):
        check_groups({"channels": channels, "scale": scale})
        into = build_layer_aggregation(stream, layers, fusion)
        trunk = ECAPAEncoder(into.width, channels, scale, bottleneck, wide, norm=True, dense=True)
        super().__init__(layers, fusion=into, trunk=trunk, pooled=pooling, size=size)


class WespeakerECAPA(SpeakerEmbedder):
    """wespeaker's ``ECAPA_TDNN``: the input of a block is the output of the one before, and the squeeze-excitation has no norm.

    Args:
        stream, layers, channels, scale, bottleneck, wide, size, fusion, pooling: see `ECAPA`. ``ECAPA_TDNN_GLOB`` is the
            pooling ``astp`` with context.
        out_norm: Whether the embedding passes a batch norm (wespeaker's ``emb_bn``).

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
        bottleneck: Width = 128,
        wide: Width = 1536,
        size: EmbeddingSize = 192,
        out_norm: bool = False,
        fusion: AggregationChoice = "sum",
        pooling: PoolingChoice = "astp",
    ):
        check_groups({"channels": channels, "scale": scale})
        into = build_layer_aggregation(stream, layers, fusion)
        trunk = ECAPAEncoder(into.width, channels, scale, bottleneck, wide, norm=False, dense=False)
        super().__init__(layers, fusion=into, trunk=trunk, pooled=pooling, size=size, out_norm=out_norm)


class ECAPAEncoder(FrameEncoder):
    """The frame-level layers.

    Args:
        inputs: channels of the input.
        channels, scale, bottleneck, wide: see `ECAPA`.
        norm: whether the squeeze-excitation has a batch norm.
        dense: whether the input of a block is the sum of all outputs before it, and not the last one alone.
    """

    reads = ("entry.conv.weight",)

    def __init__(self, inputs: int, channels: int, scale: int, bottleneck: int, wide: int, *, norm: bool, dense: bool):
        super().__init__()
        self.width, self.dense = wide, dense
        self.entry = ConvBlock(inputs, channels, 5)
        self.blocks = nn.ModuleList(
            ECAPABlock(channels, dilation, scale, bottleneck, norm=norm) for dilation in DILATIONS
        )
        self.aggregate = TimeConv(len(DILATIONS) * channels, wide)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.entry(x, mask)
        out = []
        for block in self.blocks:
            out.append(block(x, mask))
            x = x + out[-1] if self.dense else out[-1]
        return F.relu(self.aggregate(torch.cat(out, dim=1)))


class ECAPABlock(nn.Module):
    """Pointwise layer, Res2 over time, pointwise layer, squeeze-excitation, with a residual connection around all of them."""

    def __init__(self, channels: int, dilation: int, scale: int, bottleneck: int, *, norm: bool):
        super().__init__()
        self.enter = ConvBlock(channels, channels)
        self.groups = nn.ModuleList(
            ConvBlock(channels // scale, channels // scale, 3, dilation=dilation) for _ in range(scale - 1)
        )
        self.leave = ConvBlock(channels, channels)
        self.squeeze_excitation = SqueezeExcitation(channels, bottleneck, norm=norm)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = cascade_groups(self.enter(x, mask), [partial(group, mask=mask) for group in self.groups])
        return x + self.squeeze_excitation(self.leave(y, mask), mask)

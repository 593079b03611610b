"""RawNet3 (2203.08488) without its filterbank: Res2 blocks with feature-map scaling on the hidden states of an encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ....encoder.layers.frame_masks import frame_mask
from ....encoder.stream import ResidualStream
from ....encoder.units import MacTerm, Timing
from ...frames import ConvBlock, TimeConv, all_frames, mean_over_time, set_count
from ...layer_aggregation import AggregationChoice, build_layer_aggregation
from ...options import EmbeddingSize, Width
from ..pooling import PoolingChoice
from ..pooling_head import FrameEncoder, SpeakerEmbedder
from ..res2 import GroupedChannels, Groups, cascade_groups, check_groups

DILATIONS = (2, 3, 4)

FrameCount: TypeAlias = Callable[[Timing], float]
"""A number of frames as a function of the length of an utterance."""


class RawNet3(SpeakerEmbedder):
    """Three Res2 blocks, a layer on their concatenated outputs, and channel-attentive statistics.

    The shortcut of the first block always has a linear map, so that the residual stream can lose channels. (The published
    network has none where widths are equal.)

    The published network reduces the 1 ms steps of its own filterbank to 15 ms by two max poolings. Both are left out,
    because these frames have 20 ms; `SincRawNet3` is the whole network.

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
    """The frame-level layers.

    Args:
        inputs: channels of the frames.
        channels, scale, wide: see `RawNet3`.
        pools: how many frames become one after the first block, and after the second.
        mapped: whether the shortcut of the first block has a linear map; it must where widths differ.
        count: number of frames of the input.
    """

    reads = ("blocks.0.enter.conv.weight", "blocks.0.past.weight")

    def __init__(
        self,
        inputs: int,
        channels: int,
        scale: int,
        wide: int,
        *,
        pools: tuple[int, int] = (1, 1),
        mapped: bool = True,
        count: FrameCount = all_frames,
    ):
        super().__init__()
        self.width, self.pools = wide, pools
        counts: list[FrameCount] = [count, Fewer(count, pools[0]), Fewer(count, pools[0] * pools[1])]
        self.blocks = nn.ModuleList()
        for i, dilation in enumerate(DILATIONS):
            widths = (inputs if i == 0 else channels), channels
            block = RawNet3Block(*widths, dilation, scale, mapped=mapped and i == 0, pool=(*pools, 1)[i])
            set_count(block, counts[i])
            self.blocks.append(block)
        self.aggregate = TimeConv(len(DILATIONS) * channels, wide)
        set_count(self.aggregate, counts[-1])
        self.count = counts[-1]

    def initialize(self) -> None:
        for module in self.modules():
            if isinstance(module, FeatureMapScaling):
                nn.init.ones_(module.shift)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.reduced(x, mask)[0]

    def reduced(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """``[B, wide, T']``, and the mask ``[B, T']`` of its frames."""
        first, mask = self.blocks[0](x, mask)
        second, fewer = self.blocks[1](first, mask)
        first, _ = largest_of(first, mask, self.pools[1])
        third, _ = self.blocks[2](first + second, fewer)
        return F.relu(self.aggregate(torch.cat([first, second, third], dim=1))), fewer


@dataclass(frozen=True)
class Fewer:
    """A number of frames after poolings that make one of ``pool``."""

    count: FrameCount
    pool: int

    def __call__(self, timing: Timing) -> float:
        return self.count(timing) // self.pool


class RawNet3Block(nn.Module):
    """Pointwise layer, Res2 over time, pointwise layer, a shortcut, a max pooling, then feature-map scaling.

    Args:
        inputs, channels: channels of input and output.
        dilation: frames from one tap to the next.
        scale: groups of channels.
        mapped: whether the shortcut has a linear map.
        pool: how many frames become one.
    """

    def __init__(self, inputs: int, channels: int, dilation: int, scale: int, *, mapped: bool, pool: int = 1):
        super().__init__()
        self.pool = pool
        self.enter = ConvBlock(inputs, channels)
        self.groups = nn.ModuleList(
            ConvBlock(channels // scale, channels // scale, 3, dilation=dilation) for _ in range(scale - 1)
        )
        self.leave = ConvBlock(channels, channels)
        self.past = TimeConv(inputs, channels, bias=False) if mapped else None
        self.scaling = FeatureMapScaling(channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """``[B, channels, T']``, and the mask of its frames."""
        y = cascade_groups(self.enter(x, mask), [partial(group, mask=mask) for group in self.groups])
        past = x if self.past is None else self.past(x)
        y, mask = largest_of(self.leave(y, mask) + past, mask, self.pool)
        return self.scaling(y, mask), mask


def largest_of(x: Tensor, mask: Tensor | None, pool: int) -> tuple[Tensor, Tensor | None]:
    """The largest of every ``pool`` frames of ``x[B, C, T]``, without a rest at the end, and the mask of the new frames."""
    if pool == 1:
        return x, mask
    return F.max_pool1d(x, pool), None if mask is None else frame_mask(mask.sum(1) // pool, x.shape[2] // pool)


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

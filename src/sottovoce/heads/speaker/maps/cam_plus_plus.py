"""CAM++ (2303.00332), as 3D-Speaker and wespeaker have it (speakerlab/models/campplus, wespeaker/models/campplus.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch.nn.functional as F
from torch import Tensor, nn

from ....encoder.config import Shape
from ....encoder.stream import ResidualStream
from ....encoder.units import MacTerm, Unit
from ...frames import MaskedBatchNorm1d, set_count
from ...options import Between, EmbeddingSize
from ..pooling import PoolingChoice, build_pooling
from ..pooling_head import VectorNorm
from .context_masking import DenseDelays, NormedTimeConv
from .map_block import MapBlock, MapSize, NormedConv
from .map_embedder import MapEmbedder

CHANNELS = 32
"""Channels of the map."""

MAP_BLOCKS = 4
LAYERS, DILATIONS = (12, 24, 16), (1, 2, 2)

Small = Annotated[int, Between(1, 4096)]


class CAMPlusPlus(MapEmbedder):
    """A small residual map, dense time-delay layers with context-aware masks, statistics, and a normalized embedding::

        features ─▶ map, bins / 8 ─▶ delay, frames / 2 ─▶ 12 + 24 + 16 layers ─▶ pooling ─▶ embed ─▶ norm ─▶ [B, size]

    The channels inside the blocks of the map, and the bottlenecks of the layers, can be pruned.

    Args:
        stream, layers: the residual stream and the number of hidden states of the encoder, see `MapEmbedder`.
        growth: Channels that each layer adds.
        bottleneck: Channels of a layer's bottleneck, as a multiple of its growth.
        channels: Channels in front of the layers.
        size: Dimension of the embedding.
        pooling: How the frames become one vector, see `pooling`; ``statistics`` is 3D-Speaker's, ``tstp`` wespeaker's.
        shape: widths that remain after pruning; ``None`` for an unpruned head.
    """

    reduction = 2

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        growth: Small = 32,
        bottleneck: Small = 4,
        channels: Small = 128,
        size: EmbeddingSize = 512,
        pooling: PoolingChoice = "statistics",
        shape: Shape | None = None,
    ):
        super().__init__(stream, layers)
        inner = bottleneck * growth
        self.original_shape = {
            "map": {"inner": [CHANNELS] * MAP_BLOCKS},
            "dense_map": {"inner": [inner] * sum(LAYERS)},
        }
        self.shape = shape or self.original_shape
        self.map = BinMap(self.shape["map"]["inner"], MapSize(self.bins))
        self.entry = NormedTimeConv(CHANNELS * self.map.size.bins, channels, 5, self.reduction)
        widths = self.shape["dense_map"]["inner"]
        self.dense_map = DenseDelays(channels, widths, inner, growth, LAYERS, DILATIONS, self.reduction)
        self.norm = MaskedBatchNorm1d(self.dense_map.width)
        self.pooling = build_pooling(self.dense_map.width, pooling)
        self.embed = nn.Linear(self.pooling.size, size, bias=False)
        self.out_norm = VectorNorm(size, affine=False)
        for each in (self.dense_map, self.pooling):
            set_count(each, MapSize(1, self.reduction))

    @property
    def size(self) -> int:
        return self.embed.out_features

    def through_map(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.map(x[:, None], mask).flatten(1, 2)
        x, mask = self.entry(x, mask)
        return F.relu(self.norm(self.dense_map(x, mask), mask)).transpose(1, 2)

    def pool(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.out_norm(self.embed(self.pooling(frames, mask)))

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: 1, "embed.weight")]


class BinMap(nn.Module):
    """Two residual stages that halve the bins, and a convolution that halves them again: ``[B, 1, F, T] -> [B, C, F / 8, T]``.

    Args:
        inner: channels inside each of the four blocks.
        size: size of the features.

    Attributes:
        size: size of the output.
    """

    def __init__(self, inner: Sequence[int], size: MapSize):
        super().__init__()
        self.first = NormedConv(1, CHANNELS, 3, size)
        self.stages = nn.ModuleList()
        for stage in range(2):
            blocks = nn.ModuleList()
            for place in range(MAP_BLOCKS // 2):
                stride = (1, 1) if place else (2, 1)
                blocks.append(MapBlock(CHANNELS, [inner[2 * stage + place]], CHANNELS, size, stride))
                size = size.strided(stride)
            self.stages.append(blocks)
        self.last = NormedConv(CHANNELS, CHANNELS, 3, size, (2, 1))
        self.size = self.last.size

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, C, F / 8, T]``; ``mask[B, T]`` is True on valid frames."""
        x = F.relu(self.first(x, mask)[0])
        for blocks in self.stages:
            assert isinstance(blocks, nn.ModuleList)
            for block in blocks:
                x = block(x, mask)[0]
        return F.relu(self.last(x, mask)[0])

    def units(self) -> list[Unit]:
        every = [(path, each) for path, each in self.named_modules() if isinstance(each, MapBlock)]
        return [unit for i, (path, each) in enumerate(every) for unit in each.inner_units([f"inner.{i}"], f"{path}.")]

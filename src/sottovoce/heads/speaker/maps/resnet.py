"""Residual networks over the filterbank, as wespeaker has them (``wespeaker/models/resnet.py``), ResNet18 to ResNet293."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ....encoder.config import Shape
from ....encoder.stream import ResidualStream
from ....encoder.units import MacTerm, Unit
from ...frames import set_count
from ...options import Between, EmbeddingSize
from ..pooling import PoolingChoice, build_pooling
from ..pooling_head import VectorNorm
from .map_block import MapBlock, MapSize, NormedConv
from .map_embedder import MapEmbedder

Depth = Literal["18", "34", "50", "101", "152", "221", "293"]

BLOCKS: dict[str, tuple[int, ...]] = {
    "18": (2, 2, 2, 2),
    "34": (3, 4, 6, 3),
    "50": (3, 4, 6, 3),
    "101": (3, 4, 23, 3),
    "152": (3, 8, 36, 3),
    "221": (6, 16, 48, 3),
    "293": (10, 20, 64, 3),
}
"""Depth -> blocks of each of the four stages."""

PLAIN = ("18", "34")
"""The depths whose blocks are two convolutions; those of all others are bottlenecks, with four times as many outputs."""


class ResNet(MapEmbedder):
    """Four stages of residual blocks on the filterbank, statistics over time, and an embedding::

        features ─▶ 3 x 3 ─▶ stage 1 ─▶ stage 2 ─▶ stage 3 ─▶ stage 4 ─▶ pooling ─▶ embed ─▶ [B, size]
        [B, 80, T]  32       32         64, / 2    128, / 4   256, / 8   [B, 5120]

    It is the network of wespeaker's and pyannote's released speaker models. The channels inside the blocks can be pruned.

    Args:
        stream, layers: the residual stream and the number of hidden states of the encoder, see `MapEmbedder`.
        depth: Which of the published networks.
        channels: Channels of the first stage; each later stage has twice as many.
        size: Dimension of the embedding.
        pooling: How the frames become one vector, see `pooling`.
        two_layers: Whether ReLU, batch norm and a second linear map follow the embedding layer.
        shape: widths that remain inside the blocks after pruning; ``None`` for an unpruned head.
    """

    reduction = 8

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        depth: Depth = "34",
        channels: Annotated[int, Between(1, 4096)] = 32,
        size: EmbeddingSize = 256,
        pooling: PoolingChoice = "tstp",
        two_layers: bool = False,
        shape: Shape | None = None,
    ):
        super().__init__(stream, layers)
        widths = [channels * 2**stage for stage, count in enumerate(BLOCKS[depth]) for _ in range(count)]
        each = 1 if depth in PLAIN else 2
        self.original_shape = {"map": {"inner": [width for width in widths for _ in range(each)]}}
        self.shape = shape or self.original_shape
        grown = widths if depth in PLAIN else [4 * width for width in widths]
        self.map = ResidualStages(channels, self.shape["map"]["inner"], grown, each, BLOCKS[depth], MapSize(self.bins))
        self.pooling = build_pooling(self.map.size.bins * grown[-1], pooling)
        set_count(self.pooling, MapSize(1, self.reduction))
        self.embed = nn.Linear(self.pooling.size, size)
        self.second_norm = VectorNorm(size, affine=False) if two_layers else None
        self.second = nn.Linear(size, size) if two_layers else None

    @property
    def size(self) -> int:
        return self.embed.out_features

    def through_map(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.map(x[:, None], mask).permute(0, 3, 1, 2).flatten(2)

    def pool(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        embedding = self.embed(self.pooling(frames, mask))
        if self.second is None or self.second_norm is None:
            return embedding
        return self.second(self.second_norm(F.relu(embedding)))

    def macs(self) -> list[MacTerm]:
        names = ["embed"] if self.second is None else ["embed", "second"]
        return [MacTerm(lambda timing: 1, f"{name}.weight") for name in names]


class ResidualStages(nn.Module):
    """A convolution and residual blocks in stages: ``[B, 1, F, T] -> [B, C, F', T']``.

    Args:
        first: channels of the convolution.
        inner: channels inside the blocks, ``each`` numbers for each block.
        outputs: output channels of each block.
        each: 1 for plain blocks, 2 for bottlenecks.
        stages: number of blocks of each stage; the first block of all stages but the first halves bins and frames.
        size: size of the features.

    Attributes:
        size: size of the output.
    """

    def __init__(
        self,
        first: int,
        inner: Sequence[int],
        outputs: Sequence[int],
        each: int,
        stages: Sequence[int],
        size: MapSize,
    ):
        super().__init__()
        self.first = NormedConv(1, first, 3, size)
        self.each = each
        halving = {sum(stages[:stage]) for stage in range(1, len(stages))}
        inputs = [first, *outputs[:-1]]
        self.stages = nn.ModuleList()
        for i, (before, after) in enumerate(zip(inputs, outputs, strict=True)):
            if i == 0 or i in halving:
                self.stages.append(nn.ModuleList())
            stride = (2, 2) if i in halving else (1, 1)
            self.stages[-1].append(MapBlock(before, inner[each * i : each * (i + 1)], after, size, stride))  # type: ignore[operator]
            size = size.strided(stride)
        self.size = size

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, C, F', T']``; ``mask[B, T]`` is True on valid frames of the input."""
        x, mask = self.first(x, mask)
        x = F.relu(x)
        for block in self._blocks().values():
            x, mask = block(x, mask)
        return x

    def units(self) -> list[Unit]:
        found = []
        for i, (path, block) in enumerate(self._blocks().items()):
            found += block.inner_units([f"inner.{self.each * i + place}" for place in range(self.each)], f"{path}.")
        return found

    def _blocks(self) -> dict[str, MapBlock]:
        """Every block by its path."""
        return {path: each for path, each in self.named_modules() if isinstance(each, MapBlock)}

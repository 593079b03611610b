"""SKA-TDNN: convolutions with kernels of several sizes, and attention that weights them (2204.01005)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.checks.values import WIDTH
from ...encoder.layers.convolution import Count
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm
from ..frames import ConvBlock, SqueezeExcitation, TimeConv, mean_over_time, set_count
from ..layer_aggregation import AggregationChoice, LayerSum, build_layer_aggregation
from ..options import Between, EmbeddingSize, Width
from ..spoofing.spectral_maps import Map, MapConv, MaskedBatchNorm2d
from .channels_as_bins import ChannelsAsBins
from .maps.map_block import MapSize
from .pooling import PoolingChoice
from .pooling_head import FrameEncoder, SpeakerEmbedder
from .res2 import GroupedChannels, Groups, cascade_groups, check_groups

DILATIONS = (2, 3, 4)
KERNELS = (5, 7)


class SKATDNN(SpeakerEmbedder):
    """Two-dimensional convolutions over bins and time, then three Res2 blocks over time, both with selective kernels.

    This is ESPnet-SPK's ``SkaTdnnEncoder`` with its ``ChnAttnStatPooling`` and ``SkaTdnnProjector``: the front part takes the
    channels of the hidden states for the bins of a spectrum. A pruned channel is a bin of zeros, so the front part stays as
    wide as the unpruned encoder.

    Args:
        stream, layers: the residual stream and the number of hidden states of the encoder, see `Head`.
        bins: Outputs of a linear map before the front part, which halves the number of bins twice. Without one (``null``), as
            in ESPnet, all channels are bins, and the layer after the front part is ``maps`` · channels / 4 wide.
        stride: Frames that the front part makes one of.
        maps: Feature maps of the front part.
        channels: Channels of the blocks over time.
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
        bins: Annotated[int, Between(4, WIDTH)] | None = None,
        stride: Annotated[int, Between(1, 2)] = 2,
        maps: Width = 128,
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
        spectrum = ChannelsAsBins(stream) if bins is None and isinstance(into, LayerSum) else None
        width = into.width if spectrum is None else stream.original
        trunk = SKATDNNEncoder(width, bins, maps, stride, channels, scale, bottleneck, wide, spectrum)
        super().__init__(layers, fusion=into, trunk=trunk, pooled=pooling, size=size, out_norm=True)


class SKATDNNEncoder(FrameEncoder):
    """The frame-level layers: the input of a block over time is the sum of all outputs before it.

    Args:
        inputs: channels of the input.
        bins, maps, stride, channels, scale, bottleneck, wide: see `SKATDNN`.
        spectrum: puts the channels where they are bins.
    """

    def __init__(
        self,
        inputs: int,
        bins: int | None,
        maps: int,
        stride: int,
        channels: int,
        scale: int,
        bottleneck: int,
        wide: int,
        spectrum: ChannelsAsBins | None,
    ):
        super().__init__()
        self.width, self.stride = wide, stride
        self.spectrum = spectrum
        self.bins = None if bins is None else TimeConv(inputs, bins)
        self.reads = () if bins is None else ("bins.weight",)
        rows = inputs if bins is None else bins
        half, quarter = -(-rows // 2), -(-rows // 4)
        self.enter = MapConv(1, maps, 3, half, stride=(2, 1))
        self.enter_norm = MaskedBatchNorm2d(maps)
        self.fronts = nn.ModuleList(SpectralBlock(maps, half) for _ in range(2))
        self.leave = MapConv(maps, maps, 3, quarter, stride=(2, stride))
        self.leave_norm = MaskedBatchNorm2d(maps)
        self.entry = ConvBlock(maps * quarter, channels, 5)
        self.blocks = nn.ModuleList(SKABlock(channels, dilation, scale, bottleneck) for dilation in DILATIONS)
        self.aggregate = TimeConv(len(DILATIONS) * channels, wide)
        self.count = MapSize(1, stride)
        for slower in (self.entry, self.blocks, self.aggregate):
            set_count(slower, self.count)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x if self.spectrum is None else self.spectrum(x)
        x = x if self.bins is None else self.bins(x)
        y = self.enter_norm(F.relu(self.enter(x[:, None], mask)), mask)
        for front in self.fronts:
            y = front(y, mask)
        y = F.relu(self.leave(y, mask))
        mask = None if mask is None else mask[:, :: self.stride]
        x = self.entry(self.leave_norm(y, mask).flatten(1, 2), mask)
        out = []
        for block in self.blocks:
            out.append(block(x, mask))
            x = x + out[-1]
        return F.relu(self.aggregate(torch.cat(out, dim=1)))

    def output_frames(self, frames: Count) -> Count:
        return -(-frames // self.stride)


class SelectiveKernel(nn.Module):
    """Weights of several kernels from a summary: ``[B, n] -> [kernels, B, n]``; they sum to 1 over the kernels.

    Args:
        size: width ``n`` of the summary.
        hidden: hidden units.
        kernels: number of kernels.
        uses: calls in one forward pass, for counting MACs.
    """

    def __init__(self, size: int, hidden: int, kernels: int, uses: int = 1):
        super().__init__()
        self.uses = uses
        self.squeeze = nn.Linear(size, hidden)
        self.choose = nn.Linear(hidden, kernels * size)

    def forward(self, summary: Tensor) -> Tensor:
        scores = self.choose(F.relu(self.squeeze(summary)))
        return scores.view(len(summary), -1, summary.shape[1]).transpose(0, 1).softmax(0)

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: self.uses, f"{name}.weight") for name in ("squeeze", "choose")]


def sum_branches(parts: Sequence[Tensor], weights: Tensor) -> Tensor:
    """The weighted sum of the outputs of several branches."""
    return torch.stack([part * weight for part, weight in zip(parts, weights, strict=True)]).sum(0)


class SpectralBlock(nn.Module):
    """Convolutions over bins and time with kernels selected for each bin, then for each map, and a residual connection.

    Args:
        maps, bins: sizes of the input ``[B, maps, bins, T]``.
    """

    def __init__(self, maps: int, bins: int):
        super().__init__()
        self.enter = MapConv(maps, maps, 3, bins, bias=False)
        self.enter_norm = MaskedBatchNorm2d(maps)
        self.for_bins = nn.ModuleList(Map(maps, maps, kernel, bins) for kernel in KERNELS)
        self.for_maps = nn.ModuleList(Map(maps, maps, kernel, bins) for kernel in KERNELS)
        self.select_bins = SelectiveKernel(bins, max(16, bins // 8), len(KERNELS))
        self.select_maps = SelectiveKernel(maps, max(16, maps // 8), len(KERNELS))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = self.enter_norm(F.relu(self.enter(x, mask)), mask)
        parts = [branch(y, mask) for branch in self.for_bins]
        y = sum_branches(parts, self.select_bins(mean_over_time(sum(parts).mean(1), mask))[:, :, None, :, None])
        parts = [branch(y, mask) for branch in self.for_maps]
        y = sum_branches(parts, self.select_maps(mean_over_time(sum(parts).mean(2), mask))[..., None, None])
        return F.relu(x + y)


class SKABlock(nn.Module):
    """Pointwise layer, Res2 with selected kernels, pointwise layer, squeeze-excitation, with a residual connection."""

    def __init__(self, channels: int, dilation: int, scale: int, bottleneck: int):
        super().__init__()
        width = channels // scale
        self.enter = ConvBlock(channels, channels)
        self.groups = nn.ModuleList(
            nn.ModuleList(ConvBlock(width, width, kernel, dilation=dilation) for kernel in KERNELS)
            for _ in range(scale - 1)
        )
        self.select = SelectiveKernel(width, max(16, width // 4), len(KERNELS), uses=scale - 1)
        self.leave = ConvBlock(channels, channels)
        self.squeeze_excitation = SqueezeExcitation(channels, bottleneck, norm=True)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        def selected(branches: Any, part: Tensor) -> Tensor:
            parts = [branch(part, mask) for branch in branches]
            return sum_branches(parts, self.select(mean_over_time(sum(parts), mask))[..., None])

        y = cascade_groups(self.enter(x, mask), [partial(selected, branches) for branches in self.groups])
        return x + self.squeeze_excitation(self.leave(y, mask), mask)

"""Residual blocks of two-dimensional convolutions with batch norm (He et al. 2016), over a map of bins and time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from torch import Tensor, nn
from torch.nn import functional as F

from ....encoder.layers.safe_convolution import Conv2d
from ....encoder.units import Gateable, MacTerm, Timing, Unit, rows, site
from ...spoofing.spectral_maps import MaskedBatchNorm2d

Stride = tuple[int, int]
"""Steps of a convolution in bins and in frames."""


@dataclass(frozen=True)
class MapSize:
    """The number of places of a map, as a function of the length of an utterance.

    Args:
        bins: number of bins, ``F``.
        reduction: frames of the encoder for each frame of the map.
    """

    bins: int
    reduction: int = 1

    def __call__(self, timing: Timing) -> int:
        return self.bins * ceil(timing.frames / self.reduction)

    def strided(self, stride: Stride) -> MapSize:
        """The size behind a convolution of this stride, which is padded."""
        return MapSize(ceil(self.bins / stride[0]), self.reduction * stride[1])


class NormedConv(nn.Module):
    """A convolution without bias and its batch norm: ``[B, C, F, T] -> [B, O, F', T']``. Padding counts as zeros.

    Args:
        inputs, outputs: number of channels.
        kernel: size in bins and in frames, odd.
        size: size of the map in front of it.
        stride: its steps.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, size: MapSize, stride: Stride = (1, 1)):
        super().__init__()
        self.conv = Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.norm = MaskedBatchNorm2d(outputs)
        self.size = size.strided(stride)
        self.step = stride[1]

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The output, and the mask of its frames; ``mask[B, T]`` is True on valid frames of the input."""
        if mask is not None:
            x, mask = x.masked_fill(~mask[:, None, None], 0.0), mask[:, :: self.step]
        return self.norm(self.conv(x), mask), mask

    def macs(self) -> list[MacTerm]:
        return [MacTerm(self.size, "conv.weight")]


class MapBlock(nn.Module):
    """Convolutions with ReLU in between, and a shortcut around them: ``[B, C, F, T] -> [B, O, F', T']``.

    Two convolutions of 3 x 3; or, as a bottleneck, 1 x 1, 3 x 3 and 1 x 1. The channels between them are units of the kind
    ``map``, which can be pruned.

    Args:
        inputs, outputs: number of channels.
        inner: number of channels behind each convolution but the last.
        size: size of the map in front of the block.
        stride: steps of the first convolution of 3 x 3.
    """

    def __init__(self, inputs: int, inner: Sequence[int], outputs: int, size: MapSize, stride: Stride = (1, 1)):
        super().__init__()
        kernels = (3, 3) if len(inner) == 1 else (1, 3, 1)
        strides = [stride if place == kernels.index(3) else (1, 1) for place in range(len(kernels))]
        widths = [inputs, *inner, outputs]
        self.convs = nn.ModuleList()
        now = size
        for (before, after), kernel, step in zip(pairwise(widths), kernels, strides, strict=True):
            self.convs.append(NormedConv(before, after, kernel, now, step))
            now = now.strided(step)
        self.size = now
        self.inner = nn.ModuleList(Gateable() for _ in inner)
        mapped = stride != (1, 1) or inputs != outputs
        self.around = NormedConv(inputs, outputs, 1, size, stride) if mapped else None

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The output, and the mask of its frames."""
        y, inside = x, mask
        for place, conv in enumerate(self.convs):
            if place:  # gates act on the last dimension
                y = self.inner[place - 1](F.relu(y).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            y, inside = conv(y, inside)
        return F.relu(y + (x if self.around is None else self.around(x, mask)[0])), inside

    def inner_units(self, names: Iterable[str], path: str) -> list[Unit]:
        """The units of the channels between the convolutions.

        Args:
            names: path of each of their numbers in the shape.
            path: where this block is in the module that declares the units.
        """
        found = []
        for place, name in enumerate(names):
            conv = self.convs[place].conv
            assert isinstance(conv, Conv2d)
            n, here, after = conv.out_channels, f"{path}convs.{place}", f"{path}convs.{place + 1}"
            owned = [f"{here}.norm.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
            found.append(
                Unit(
                    name,
                    "map",
                    n,
                    producers=tuple(rows(each, 0, n) for each in (f"{here}.conv.weight", *owned)),
                    consumers=(rows(f"{after}.conv.weight", 1, n, fold=True),),
                    gates=(site(f"{path}inner.{place}", n),),
                    floor=1,
                )
            )
        return found

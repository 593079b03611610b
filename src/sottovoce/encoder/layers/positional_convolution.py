"""The grouped convolution that gives positions to wav2vec 2.0 and similar families, with removable groups and taps.

Group ``g`` reads slice ``g`` of the stream and writes the same slice. A removed group adds nothing there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..stream import IndexTensor, ResidualStream
from ..units import Gateable, MacTerm, Rows, Site, Unit, elements
from .activations import activation
from .fft_convolution import long_convolution, long_convolution_serves
from .safe_convolution import conv1d


class PositionalLayer(nn.Module):
    """One grouped convolution over time: ``[B, T, I] -> [B, T, O]``; weight ``[O, I / groups, k]``.

    Args:
        inputs: input channels ``I``.
        outputs: output channels ``O``.
        kernel: kernel size ``k``.
        groups: number of groups.
        norm: whether a LayerNorm without parameters follows the convolution.
        act: name of the activation.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int, *, norm: bool, act: str):
        super().__init__()
        self.groups, self.kernel = groups, kernel
        self.weight = nn.Parameter(torch.empty(outputs, inputs // groups, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.taps = Gateable()
        self.norm = nn.LayerNorm(outputs, elementwise_affine=False) if norm else None
        self.act = activation(act)
        nn.init.normal_(self.weight, std=2 * (1 / (kernel * max(inputs, 1))) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, T, I] -> [B, T, O]``."""
        weight = self.taps(self.weight)
        if long_convolution_serves(x, weight):
            x = long_convolution(x, weight, self.bias, self.groups)
        else:
            # k // 2 frames on the left, as in the stock layer, which drops the extra frame of an even kernel.
            x = F.pad(x.transpose(1, 2), (self.kernel // 2, (self.kernel - 1) // 2))
            x = conv1d(x, weight, self.bias, groups=self.groups).transpose(1, 2)
        return self.act(x if self.norm is None else self.norm(x))

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda t: t.frames, parameter="weight")]


class PositionalConvolution(nn.Module):
    """Positions that are added to the residual stream before the first layer: ``[B, T, D] -> [B, T, D]``.

    Args:
        stream: the residual stream.
        groups: ids of the groups that are kept.
        original_groups: number of groups before pruning.
        taps: kernel size of each layer (one in wav2vec 2.0, five in data2vec).
        norm: whether a LayerNorm without parameters follows each layer, as in data2vec.
        act: name of the activation.
    """

    scale: Tensor

    def __init__(
        self,
        stream: ResidualStream,
        groups: Sequence[int],
        original_groups: int,
        taps: Sequence[int],
        *,
        norm: bool,
        act: str,
    ):
        super().__init__()
        self.stream, self.ids = stream, list(groups)
        slice_width = stream.original // original_groups
        group_of = [channel // slice_width for channel in stream.ids]
        kept = set(self.ids)
        self.places = IndexTensor(k for k, g in enumerate(group_of) if g in kept)
        self.whole = len(self.places) == stream.width
        n = len(self.ids)
        inner = n * slice_width  # between layers the width is the original one
        widths = [len(self.places)] + [inner] * (len(taps) - 1) + [len(self.places)]
        self.layers: Any = nn.ModuleList(
            PositionalLayer(a, b, k, n, norm=norm, act=act) for (a, b), k in zip(pairwise(widths), taps, strict=True)
        )
        self.out = Gateable()
        # No linear map follows the last activation, so the soft value of a gate is kept as a factor.
        self.register_buffer("scale", torch.ones(len(self.places)))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, T, D] -> [B, T, D]``.

        Args:
            x: the residual stream.
            mask: ``[B, T]``, True on valid frames; ``None``: all are valid. Padding is zeroed before every layer.
        """
        y = x if self.whole else x[..., self.places(x.device)]
        for layer in self.layers:
            if mask is not None:
                y = y.masked_fill(~mask[..., None], 0.0)
            y = layer(y)
        y = y * self.scale.to(y.dtype)
        if not self.whole:
            y = torch.zeros_like(x, dtype=y.dtype).index_copy(2, self.places(x.device), y)
        return self.out(y)

    def units(self) -> list[Unit]:
        return [self._groups(), *(self._taps(i, layer.kernel) for i, layer in enumerate(self.layers)), self._stream()]

    def _groups(self) -> Unit:
        n = len(self.ids)
        producers: list[Rows] = []
        norms: list[Site] = []
        for i, layer in enumerate(self.layers):
            block = elements(n, layer.weight.shape[0] // max(n, 1))
            producers += [Rows(f"layers.{i}.weight", 0, block), Rows(f"layers.{i}.bias", 0, block)]
            norms += [Site(f"layers.{i}.norm", block)] if layer.norm is not None else []
        each = len(self.places) // max(n, 1)
        return Unit(
            "groups",
            "positional_group",
            n,
            producers=tuple(producers),
            consumers=(Rows("scale", 0, elements(n, each), fold=True),),
            gates=(Site("out", torch.tensor(self.places.ids, dtype=torch.long).view(n, each)),),
            norms=tuple(norms),
        )

    def _taps(self, i: int, kernel: int) -> Unit:
        """Rings of taps from the outside in: ring ``r`` is taps ``r`` and ``k - 1 - r``. The innermost ones always stay."""
        rings = torch.arange((kernel - 1) // 2)
        index = torch.stack([rings, kernel - 1 - rings], dim=1)
        return Unit(
            f"taps.{i}",
            "positional_tap",
            len(rings),
            consumers=(Rows(f"layers.{i}.weight", 2, index, fold=True),),
            gates=(Site(f"layers.{i}.taps", index),),
            ordered=True,
            owns=index,
        )

    def _stream(self) -> Unit:
        """The part of the residual unit; channels of the stream that no kept group reads or writes have no rows here (-1)."""
        last = len(self.layers) - 1
        place = {p: k for k, p in enumerate(self.places.ids)}
        index = torch.tensor([[place.get(c, -1) for c in element] for element in self.stream.index.tolist()])
        reads = Rows("layers.0.weight", 1, index, groups=max(len(self.ids), 1))
        writes = [Rows(f"layers.{last}.{p}", 0, index) for p in ("weight", "bias")]
        unit = self.stream.part(output="out", more=[reads, *writes, Rows("scale", 0, index, fold=self.stream.gated)])
        normed = self.layers[last].norm is not None
        return replace(unit, norms=(Site(f"layers.{last}.norm", index),) if normed else ())

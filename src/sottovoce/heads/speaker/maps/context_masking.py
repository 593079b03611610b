"""The densely connected time-delay layers of CAM++ with context-aware masking (2303.00332)."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ....encoder.layers.safe_convolution import Conv1d
from ....encoder.units import Gateable, MacTerm, Timing, Unit, rows, site
from ...frames import MaskedBatchNorm1d, TimeConv, mean_over_time, zero_padding

SEGMENT = 100
"""Frames of a segment, whose mean is the local context of its frames."""


def segment_means(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """The mean ``[B, ceil(T / 100), C]`` of ``x[B, C, T]`` over the valid frames of each segment of 100."""
    T = x.shape[2]
    inside = torch.ones(1, 1, T, dtype=x.dtype, device=x.device) if mask is None else mask[:, None].to(x.dtype)
    short = -T % SEGMENT
    sums = F.pad(zero_padding(x, mask), (0, short)).unflatten(2, (-1, SEGMENT)).sum(3)
    counts = F.pad(inside, (0, short)).unflatten(2, (-1, SEGMENT)).sum(3)
    return (sums / counts.clamp(min=1)).transpose(1, 2)


class NormedTimeConv(nn.Module):
    """A convolution over time with a stride, batch norm and ReLU: ``[B, C, T] -> [B, O, ceil(T / stride)]``."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int):
        super().__init__()
        self.conv = Conv1d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.norm = MaskedBatchNorm1d(outputs)
        self.step = stride

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The output, and the mask of its frames."""
        inside = None if mask is None else mask[:, :: self.step]
        return F.relu(self.norm(self.conv(zero_padding(x, mask)), inside)), inside

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: ceil(timing.frames / self.step), "conv.weight")]


class NormedLinear(nn.Module):
    """Batch norm, ReLU and a linear map of every frame without bias: ``[B, C, T] -> [B, O, T]``."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.norm = MaskedBatchNorm1d(inputs)
        self.linear = TimeConv(inputs, outputs, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.linear(F.relu(self.norm(x, mask)))


class MaskedDelay(nn.Module):
    """A time-delay layer whose output is masked by its context: the mean of the utterance, and of each 100 frames.

        x ─▶ norm ─▶ 1 ─▶ norm, ReLU ─┬─▶ 3, dilated ──────────────▶ (×) ─▶ [B, growth, T]
                                      └─▶ context ─▶ ReLU ─▶ sigmoid ─┘

    Args:
        inputs: channels of the input.
        inner: channels of the bottleneck, which can be pruned.
        whole: channels of the unpruned bottleneck, half of which the context passes.
        growth: channels of the output.
        dilation: frames from one tap to the next.
        reduction: frames of the encoder for each frame here.
    """

    def __init__(self, inputs: int, inner: int, whole: int, growth: int, dilation: int, reduction: int):
        super().__init__()
        self.enter = NormedLinear(inputs, inner)
        self.norm = MaskedBatchNorm1d(inner)
        self.inner = Gateable()
        self.local = TimeConv(inner, growth, 3, dilation=dilation, bias=False)
        self.squeeze = nn.Linear(inner, whole // 2)
        self.excite = nn.Linear(whole // 2, growth)
        self.reduction = reduction

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, growth, T]``."""
        y = F.relu(self.norm(self.enter(x, mask), mask))
        y = self.inner(y.transpose(1, 2)).transpose(1, 2)  # gates act on the last dimension
        context = mean_over_time(y, mask)[:, None] + segment_means(y, mask)
        scale = torch.sigmoid(self.excite(F.relu(self.squeeze(context))))
        by_frame = scale.repeat_interleave(SEGMENT, 1)[:, : y.shape[2]].transpose(1, 2)
        return self.local(y, mask) * by_frame

    def macs(self) -> list[MacTerm]:
        return [MacTerm(self._segments, f"{name}.weight") for name in ("squeeze", "excite")]

    def _segments(self, timing: Timing) -> int:
        return ceil(ceil(timing.frames / self.reduction) / SEGMENT)

    def inner_unit(self, name: str, path: str) -> Unit:
        """The unit of the channels of the bottleneck.

        Args:
            name: path of their number in the shape.
            path: where this layer is in the module that declares the unit.
        """
        n = self.norm.num_features
        owned = [f"norm.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        return Unit(
            name,
            "map",
            n,
            producers=tuple(rows(f"{path}{each}", 0, n) for each in ("enter.linear.weight", *owned)),
            consumers=tuple(rows(f"{path}{each}.weight", 1, n, fold=True) for each in ("local", "squeeze")),
            gates=(site(f"{path}inner", n),),
            floor=1,
        )


class DenseDelays(nn.Module):
    """Blocks of layers, each of which reads the input and all outputs before it; a linear map halves the channels behind each.

    Args:
        inputs: channels of the input.
        inner: channels of each bottleneck.
        whole: channels of an unpruned bottleneck.
        growth: channels that each layer adds.
        layers: number of layers of each block.
        dilations: dilation of each block.
        reduction: frames of the encoder for each frame here.

    Attributes:
        width: channels of the output.
    """

    def __init__(
        self,
        inputs: int,
        inner: Sequence[int],
        whole: int,
        growth: int,
        layers: Sequence[int],
        dilations: Sequence[int],
        reduction: int,
    ):
        super().__init__()
        self.blocks, self.halves = nn.ModuleList(), nn.ModuleList()
        widths, now = iter(inner), inputs
        for count, dilation in zip(layers, dilations, strict=True):
            block = nn.ModuleList()
            for place in range(count):
                block.append(
                    MaskedDelay(now + place * growth, next(widths), whole, growth, dilation, reduction=reduction)
                )
            now += count * growth
            self.blocks.append(block)
            self.halves.append(NormedLinear(now, now // 2))
            now //= 2
        self.width = now

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, width, T]``."""
        for block, half in zip(self.blocks, self.halves, strict=True):
            assert isinstance(block, nn.ModuleList)
            for layer in block:
                x = torch.cat([x, layer(x, mask)], 1)
            x = half(x, mask)
        return x

    def units(self) -> list[Unit]:
        every = [(path, each) for path, each in self.named_modules() if isinstance(each, MaskedDelay)]
        return [each.inner_unit(f"inner.{i}", f"{path}.") for i, (path, each) in enumerate(every)]

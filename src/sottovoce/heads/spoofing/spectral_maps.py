"""Operations on maps over bins and time, ``[B, C, F, T]``, that padding in time does not affect; see `frames`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.layers.safe_convolution import Conv2d
from ...encoder.units import MacTerm


class MapConv(Conv2d):
    """Convolution over bins and time.

    Args:
        inputs, outputs: number of maps.
        kernel: number of taps in both directions, odd.
        bins: number of bins of the output.
        stride: stride over bins and time.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, bins: int, *, stride: tuple[int, int] = (1, 1), bias: bool = True
    ):
        super().__init__(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=bias)
        self.bins = bins

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x if mask is None else x.masked_fill(~mask[:, None, None], 0.0))

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: self.bins * -(-timing.frames // self.stride[1]), "weight")]


class MaskedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm of each map whose training statistics come from valid frames only."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None or not self.training:
            return super().forward(x)
        by_frame = x.permute(0, 3, 1, 2)  # [B, T, C, F]
        out = torch.zeros_like(by_frame)
        out[mask] = super().forward(by_frame[mask][..., None])[..., 0].to(out.dtype)
        return out.permute(0, 2, 3, 1)


class Map(nn.Module):
    """Convolution over bins and time, ReLU, batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int, bins: int):
        super().__init__()
        self.conv = MapConv(inputs, outputs, kernel, bins)
        self.norm = MaskedBatchNorm2d(outputs)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.norm(F.relu(self.conv(x, mask)), mask)

"""A strided convolution over time, channels last, as a few matrix products on views of its input (no im2col copy).

kernel 3, stride 2, C channels:      row t of the first view is frames 2t, 2t+1   (2C wide, contiguous)
x  0 1 2 3 4 5 6 ...                 row t of the second view is frame 2t+2       (C wide, stride 2C)
   └─┘ ┘                             y = view1 @ W[taps 0,1] + view2 @ W[tap 2]
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Count = TypeVar("Count", int, Tensor)
"""A number of frames or samples, or a tensor of such numbers."""


class StridedConv(nn.Module):
    """Convolution over time without padding: ``[B, T, C] -> [B, (T - k) // s + 1, O]``; weight ``[O, C, k]`` as in torch.

    Args:
        inputs: input channels ``C``.
        outputs: output channels ``O``.
        kernel: kernel size ``k``.
        stride: stride ``s``.
        bias: whether there is a bias.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, bias: bool):
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        nn.init.kaiming_normal_(self.weight)

    def frames(self, length: Count) -> Count:
        """Number of output frames for ``length`` input frames, which is a number or a tensor of numbers."""
        return (length - self.weight.shape[2]) // self.stride + 1

    def forward(self, x: Tensor) -> Tensor:
        """``[B, T, C] -> [B, (T - k) // s + 1, O]``."""
        O, C, K = self.weight.shape
        stride, T = self.stride, self.frames(x.shape[1])
        if C * K <= 64:  # the first layer, whose windows are smaller than its output
            return F.linear(self.windows(x), self.weight.flatten(1), self.bias)
        y: Any = None
        for first, taps in _runs(K, stride):
            matrix = self.weight[:, :, first : first + taps].transpose(1, 2).flatten(1)  # [O, taps * C]
            if taps == 1:
                window = x[:, first : first + (T - 1) * stride + 1 : stride]
            else:
                window = x[:, first : first + T * stride].unflatten(1, (T, stride)).flatten(2)
            flat = window.reshape(-1, taps * C)
            y = F.linear(window, matrix, self.bias) if y is None else _add_product(y, flat, matrix)
        return y

    def windows(self, x: Tensor) -> Tensor:
        """The inputs of each output frame: ``[B, T', C * k]``, in the order of the weight."""
        return x.unfold(1, self.weight.shape[2], self.stride).flatten(2)

    def extra_repr(self) -> str:
        O, C, K = self.weight.shape
        return f"{C}, {O}, kernel={K}, stride={self.stride}, bias={self.bias is not None}"


def _add_product(y: Tensor, x: Tensor, matrix: Tensor) -> Tensor:
    """``y + x @ matrix.T``, in place without gradients (with ``out=``, which FLOP counters count)."""
    flat, x, matrix = y.view(-1, y.shape[-1]), x.to(y.dtype), matrix.to(y.dtype)
    if torch.is_grad_enabled():
        return torch.addmm(flat, x, matrix.t()).view_as(y)
    torch.addmm(flat, x, matrix.t(), out=flat)
    return y


def _runs(kernel: int, stride: int) -> list[tuple[int, int]]:
    """First tap and number of taps of each product: runs of ``stride`` taps, then the remaining taps one by one.

    >>> _runs(10, 5), _runs(3, 2), _runs(2, 2), _runs(3, 1)
    ([(0, 5), (5, 5)], [(0, 2), (2, 1)], [(0, 2)], [(0, 1), (1, 1), (2, 1)])
    """
    full = math.floor(kernel / stride) * stride
    return [(i, stride) for i in range(0, full, stride)] + [(i, 1) for i in range(full, kernel)]

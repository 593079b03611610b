"""Convolutions that are correct on a CPU in low precision too.

On processors with AMX, oneDNN's bfloat16 convolution is wrong, by more than the values themselves, where a group has
fewer than 16 channels and the kernel 16 taps or more: positional and depthwise convolutions. So none runs on a CPU in
bfloat16 or float16. It runs in float32, which is also faster on processors that only emulate low precision. A dense
convolution of one tap is computed as the linear map that it is.

All convolutions of this package come from here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LOW_PRECISION = (torch.bfloat16, torch.float16)


def low_precision(x: Tensor) -> torch.dtype | None:
    """The low precision in which a convolution of ``x`` would run on a CPU; ``None`` for others and on other devices.

    Device, dtype and autocast are constants of a compiled or exported graph, so this adds no branch to it.
    """
    if x.device.type != "cpu":
        return None
    autocast = torch.is_autocast_enabled("cpu") and x.dtype != torch.float64  # which autocast leaves alone
    dtype = torch.get_autocast_dtype("cpu") if autocast else x.dtype
    return dtype if dtype in LOW_PRECISION else None


def conv1d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, groups: int = 1, stride: int = 1) -> Tensor:
    """`torch.nn.functional.conv1d`, correct in every precision."""
    return _convolve(F.conv1d, x, weight, bias, groups=groups, stride=stride)


class Conv1d(nn.Conv1d):
    """`torch.nn.Conv1d`, correct in every precision; it is padded with zeros."""

    def forward(self, x: Tensor) -> Tensor:
        """``[B, I, T] -> [B, O, T']``."""
        if self._is_linear and low_precision(x) is not None:
            return F.linear(x.transpose(1, 2), self.weight[..., 0], self.bias).transpose(1, 2)
        return _convolve(F.conv1d, x, self.weight, self.bias, **_settings(self))

    @property
    def _is_linear(self) -> bool:
        return self.kernel_size == self.stride == (1,) and self.padding == (0,) and self.groups == 1


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d`, correct in every precision; it is padded with zeros."""

    def forward(self, x: Tensor) -> Tensor:
        """``[B, I, H, W] -> [B, O, H', W']``."""
        return _convolve(F.conv2d, x, self.weight, self.bias, **_settings(self))


def _settings(layer: nn.Conv1d | nn.Conv2d) -> dict[str, Any]:
    return {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation, "groups": layer.groups}


def _convolve(function: Callable[..., Tensor], x: Tensor, weight: Tensor, bias: Tensor | None, **how: Any) -> Tensor:
    dtype = low_precision(x)
    if dtype is None:
        return function(x, weight, bias, **how)
    with torch.autocast("cpu", enabled=False):
        return function(x.float(), weight.float(), None if bias is None else bias.float(), **how).to(dtype)

"""A module that knows its device and dtype."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import torch
from torch import Tensor, nn


class SingleDeviceModule(nn.Module):
    """A module on one device, whose tensors all have the same floating-point dtype."""

    @property
    def device(self) -> torch.device:
        """The device of the tensors; the CPU where there are none, as in some encoders without layers."""
        return next((each.device for each in self._tensors()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the floating-point parameters."""
        return next((each.dtype for each in self._tensors() if each.is_floating_point()), torch.float32)

    def _tensors(self) -> Iterator[Tensor]:
        return chain(self.parameters(), self.buffers())

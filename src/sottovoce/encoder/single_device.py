"""A module that knows its device and dtype."""

from __future__ import annotations

import torch
from torch import nn


class SingleDeviceModule(nn.Module):
    """A module on one device, whose parameters all have the same floating-point dtype."""

    @property
    def device(self) -> torch.device:
        """The device of the parameters; the CPU where there are none, as in an encoder without layers."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the floating-point parameters."""
        return next((p.dtype for p in self.parameters() if p.is_floating_point()), torch.float32)

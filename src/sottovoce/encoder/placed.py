"""A module that knows where its numbers are."""

from __future__ import annotations

import torch
from torch import nn


class PlacedModule(nn.Module):
    """A module on one device, whose parameters are all of one floating-point type."""

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(p.dtype for p in self.parameters() if p.is_floating_point())

"""Features as the residual stream of an encoder without layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AsStream(nn.Module):
    """Takes the place of a projection: the features of the front end are the residual stream, ``[B, T, D] -> [B, T, D]``.

    Such an encoder has no weights. An empty buffer, which is never saved, follows ``.to(...)``, so that the encoder knows
    its device and dtype all the same.
    """

    anchor: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("anchor", torch.empty(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x.to(self.anchor.dtype)

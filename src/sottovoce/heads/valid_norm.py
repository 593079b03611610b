"""Batch normalisation whose statistics leave padding out."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ValidBatchNorm(nn.BatchNorm1d):
    """BatchNorm over dimension 1 of ``[B, C, ..., T]``.

    In training, positions where ``mask[B, T]`` is False neither count in the statistics nor are normalised: they become
    0. At inference every position is normalised alike, and whoever reads on has to mask.
    """

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None or not self.training:
            return super().forward(x.flatten(2)).view_as(x)
        last = x.movedim(1, -1)  # [B, ..., T, C]
        inside = mask.view(len(mask), *[1] * (x.dim() - 3), -1).expand(last.shape[:-1])
        out = torch.zeros_like(last)
        out[inside] = super().forward(last[inside])
        return out.movedim(-1, 1)

"""Res2Net's way through channels in groups, each of which hears what the one before made (Gao et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def res2(x: Tensor, maps: Sequence[Callable[[Tensor], Tensor]]) -> Tensor:
    """``x[B, C, T]`` in ``len(maps) + 1`` equal groups of channels; the last goes through as it is::

    x₁ ─▶ f₁ ─▶ y₁ ┐        x₂ + y₁ ─▶ f₂ ─▶ y₂ ...        xₙ ─▶ yₙ
    """
    *parts, rest = x.chunk(len(maps) + 1, dim=1)
    out: list[Tensor] = []
    for part, of in zip(parts, maps, strict=True):
        out.append(of(part + out[-1] if out else part))
    return torch.cat([*out, rest], dim=1)

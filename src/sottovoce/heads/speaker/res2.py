"""The channel groups of Res2Net: the input of each includes the output of the group before (Gao et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeAlias

import torch
from torch import Tensor

from ...encoder.checks.values import WIDTH
from ...errors import CheckpointError
from ...text.plain_data import whole_in
from ..options import Between, OptionValues

GroupedChannels: TypeAlias = Annotated[int, Between(2, WIDTH)]
Groups: TypeAlias = Annotated[int, Between(2, 256)]


def check_groups(options: OptionValues) -> None:
    """Check that ``channels`` can be divided into ``scale`` equal groups.

    Raises:
        CheckpointError: they do not.
    """
    channels, scale = whole_in(options, "channels"), whole_in(options, "scale")
    if channels % scale:
        raise CheckpointError(f"{channels} channels do not make {scale} equal groups; change channels or scale")


def cascade_groups(x: Tensor, maps: Sequence[Callable[[Tensor], Tensor]]) -> Tensor:
    """Apply ``maps`` to ``x[B, C, T]`` in ``len(maps) + 1`` equal groups of channels; the last group is unchanged::

    x₁ ─▶ f₁ ─▶ y₁ ┐        x₂ + y₁ ─▶ f₂ ─▶ y₂ ...        xₙ ─▶ yₙ
    """
    *parts, rest = x.chunk(len(maps) + 1, dim=1)
    out: list[Tensor] = []
    for part, of in zip(parts, maps, strict=True):
        out.append(of(part + out[-1] if out else part))
    return torch.cat([*out, rest], dim=1)

"""Weights that depend only on a seed and on the name of each parameter.

Golden numbers of a public class are computed with these weights outside the repository; a test fills the class here with the
same ones, under the names of the public class, and compares outputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import torch
from torch import Tensor


def seeded(name: str, like: Tensor, seed: int) -> Tensor:
    """The tensor of a parameter: noise of deviation 0.1, for ``running_var`` 0.5 to 1.5; integers are kept."""
    if not like.dtype.is_floating_point:
        return like.clone()
    generator = torch.Generator().manual_seed(crc32(name.encode()) ^ seed)
    if name.endswith("running_var"):
        return 0.5 + torch.rand(like.shape, generator=generator)
    return 0.1 * torch.randn(like.shape, generator=generator)


def seeded_state(state: Iterable[tuple[str, Tensor]], seed: int) -> dict[str, Tensor]:
    """`seeded` for all entries of a state dict, given as ``state_dict().items()``."""
    return {name: seeded(name, tensor, seed) for name, tensor in state}

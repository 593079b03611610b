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


def lively(name: str, like: Tensor, seed: int) -> Tensor:
    """`seeded`, with scales of norms around 1 and matrices that keep the scale of their input.

    With plain `seeded` weights the signal in a deep network vanishes among the biases, and with it most differences.
    """
    tensor = seeded(name, like, seed)
    if not name.endswith("weight"):
        return tensor
    return 1 + tensor if like.dim() == 1 else tensor * 10 / like[0].numel() ** 0.5

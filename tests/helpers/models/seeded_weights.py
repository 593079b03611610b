"""Weights from a seed and the names of tensors, for comparisons with classes of other projects.

The other project's class is run elsewhere, filled with `seeded_fill`; the test keeps its outputs. The test then asks
`seeded_tensor` for the same tensors, by the other project's names and shapes, and puts them into our network.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import torch
from torch import Tensor, nn


def seeded_tensor(name: str, shape: Sequence[int], seed: int = 0) -> Tensor:
    """The float32 tensor of a name: variances in [0.5, 1.5), scales of norms around 1, everything else around 0.

    Args:
        name: name in the state dict. It decides the values, so no two tensors of a model are equal.
        shape: its shape. A ``weight`` of one dimension is the scale of a norm.
        seed: another seed gives other values.
    """
    generator = torch.Generator().manual_seed(crc32(name.encode()) ^ seed)
    last = name.rpartition(".")[2]
    if last == "running_var":
        return 0.5 + torch.rand(tuple(shape), generator=generator)
    around = 1.0 if last == "weight" and len(shape) == 1 else 0.0
    return around + 0.1 * torch.randn(tuple(shape), generator=generator)


def seeded_fill(module: nn.Module, seed: int = 0) -> nn.Module:
    """Put `seeded_tensor` into every floating-point parameter and buffer of a module, which is returned."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(seeded_tensor(name, tensor.shape, seed))
    return module


def seeded_input(*shape: int, seed: int = 0) -> Tensor:
    """Unit-scale noise, for the input of both networks."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))

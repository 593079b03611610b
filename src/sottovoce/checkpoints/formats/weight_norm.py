"""Weight norm folded into plain weights, and back: ``weight = g * v / |v|``, with ``|v|`` of each tap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

# (length, direction): torch.nn.utils.weight_norm, and torch.nn.utils.parametrizations.weight_norm
NAMES = (("weight_g", "weight_v"), ("parametrizations.weight.original0", "parametrizations.weight.original1"))


def fold(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A copy in which each pair of length and direction, in either naming, is one ``weight``."""
    out = dict(tensors)
    for length, direction in NAMES:
        for name in [n for n in out if n.endswith("." + length)]:
            stem = name.removesuffix(length)
            if stem + direction in out:
                out[stem + "weight"] = folded(out.pop(stem + direction), out.pop(name))
    return out


def folded(v: Tensor, g: Tensor) -> Tensor:
    """The weight with direction ``v`` and length ``g``, whose dimensions are 1 except the normalized one."""
    dim = next((d for d in range(g.dim()) if g.shape[d] > 1), g.dim() - 1)
    # A pruned tap has length 0 and may have no direction; its weight is 0, not 0 / 0.
    return torch._weight_norm(v.float(), g.float(), dim).masked_fill(g == 0, 0.0).to(v.dtype)


def unfold(tensors: Mapping[str, Tensor], wanted: Iterable[str]) -> dict[str, Tensor]:
    """A copy in which each ``weight`` that a module keeps as length and direction is such a pair.

    The direction is the weight itself, so that folding returns the same bits. Lengths are those of the last dimension.

    Args:
        tensors: tensor by name.
        wanted: names of the tensors of the module.
    """
    length, direction = NAMES[1]
    out = dict(tensors)
    for stem in [n.removesuffix(length) for n in wanted if n.endswith("." + length)]:
        if stem + "weight" not in out:
            continue
        weight = out.pop(stem + "weight")
        norm = _norm(weight)
        out[stem + length] = norm
        out[stem + direction] = torch.where(norm == 0, torch.ones_like(weight), weight)
    return out


def _norm(weight: Tensor) -> Tensor:
    """Length of each tap ``[1, ..., k]``, computed by the kernel that later divides by it, because others round differently."""
    dim = weight.dim() - 1
    shape = [1] * dim + [weight.shape[dim]]
    _, norm = torch._weight_norm_interface(weight.float(), weight.new_ones(shape, dtype=torch.float32), dim)
    return norm.view(shape).to(weight.dtype)

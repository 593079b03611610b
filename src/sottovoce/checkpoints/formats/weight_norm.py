"""Weight norm folded into plain weights, and put back: ``weight = g * v / |v|``, with ``|v|`` of each tap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

# (length, direction): torch.nn.utils.weight_norm, and torch.nn.utils.parametrizations.weight_norm
SPELLINGS = (("weight_g", "weight_v"), ("parametrizations.weight.original0", "parametrizations.weight.original1"))


def fold(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A copy with ``weight`` in the place of each pair of length and direction, in either spelling."""
    out = dict(tensors)
    for length, direction in SPELLINGS:
        for name in [n for n in out if n.endswith("." + length)]:
            stem = name.removesuffix(length)
            if stem + direction in out:
                out[stem + "weight"] = folded(out.pop(stem + direction), out.pop(name))
    return out


def folded(v: Tensor, g: Tensor) -> Tensor:
    """The weight of direction ``v`` and length ``g``, which is 1 wide in every dimension but the normalized one."""
    dim = next((d for d in range(g.dim()) if g.shape[d] > 1), g.dim() - 1)
    # A tap of length 0 (one that was pruned) may have no direction: 0, not 0 / 0.
    return torch._weight_norm(v.float(), g.float(), dim).masked_fill(g == 0, 0.0).to(v.dtype)


def unfold(tensors: Mapping[str, Tensor], wanted: Iterable[str]) -> dict[str, Tensor]:
    """A copy in which each ``weight`` that a module keeps as length and direction (``wanted`` names) is such a pair.

    The direction is the weight itself, so that folding gives back the same bits. Lengths are of the last dimension.
    """
    length, direction = SPELLINGS[1]
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
    """Length of each tap ``[1, ..., k]``, summed by the very kernel that will divide by it: others round otherwise."""
    dim = weight.dim() - 1
    shape = [1] * dim + [weight.shape[dim]]
    _, norm = torch._weight_norm_interface(weight.float(), weight.new_ones(shape, dtype=torch.float32), dim)
    return norm.view(shape).to(weight.dtype)

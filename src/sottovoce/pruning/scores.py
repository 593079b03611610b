"""How important every element of every unit is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor


class Scores(dict[str, Tensor]):
    """Unit -> ``[size]`` scores, higher = more important. Only units that have scores are pruned.

    A whole block's score covers what is inside it.

    Args:
        values: the scores of each unit.
        per_cost: rank elements by score for each bit of cost saved (scores that estimate what is lost: magnitude,
            Taylor). ``False``: by the score alone (gates, whose training has already weighed the cost).
    """

    def __init__(self, values: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]] = (), *, per_cost: bool = False):
        super().__init__(values)
        self.per_cost = per_cost

    def only(self, names: Iterable[str]) -> Scores:
        """The scores of these units."""
        return Scores({name: self[name] for name in names}, per_cost=self.per_cost)

    def __repr__(self) -> str:
        return f"Scores({len(self)} units, per_cost={self.per_cost})"


def relative(values: Mapping[str, Tensor], pools: Iterable[Iterable[str]] = ()) -> Scores:
    """Scores that can be compared across units whose scales cannot: the share of what would be left (LAMP, 2010.07611).

        score(e) = s_e / sum of s_f over all f of the same unit with s_f >= s_e

    Removing elements from the least one on, this is by how much the logarithm of what the unit retains falls, so no
    unit is emptied before the others; the best element of every unit has the score 1.

    Args:
        values: non-negative, additive scores of each unit (squared norms, not norms).
        pools: units that are taken as one, such as all attention blocks, each of which is a unit of one element.
    """
    pooled = {name: tuple(pool) for pool in map(tuple, pools) for name in pool}
    out: dict[str, Tensor] = {}
    for name in values:
        if name in out:
            continue
        members = pooled.get(name, (name,))
        flat = torch.cat([values[m].double().flatten() for m in members])
        ascending, order = flat.sort(stable=True)
        left = ascending.flip(0).cumsum(0).flip(0)
        share = torch.empty_like(flat)
        share[order] = ascending / left.clamp(min=torch.finfo(torch.float64).tiny)
        sizes = [values[m].numel() for m in members]
        out.update(zip(members, share.split(sizes), strict=True))
    return Scores({name: out[name] for name in values})

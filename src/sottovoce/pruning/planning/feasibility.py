"""Whether a budget can be met at all, and if not, what prevents it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ...errors import BudgetError
from ..budget import Constraint
from ..costs import CostModel, human
from .candidates import Candidate
from .width_selection import WidthSelection


def check_feasible(
    costs: CostModel,
    constraints: list[Constraint],
    possible: list[Candidate],
    protected: frozenset[str],
    scores: Mapping[str, Tensor],
) -> None:
    """Check that every constraint holds when everything is removed that may be.

    Raises:
        BudgetError: one does not. The message says what can be reached, and which protection, floor or lack of scores
            prevents more.
    """
    selection = WidthSelection(possible, costs, constraints, per_cost=0)
    least = selection.least()
    reached = selection.measure(least)
    for constraint, lowest in zip(constraints, reached.tolist(), strict=True):
        if lowest <= constraint.target:
            continue
        blocking = []
        index = constraints.index(constraint)
        for reason, names in _reasons(costs, possible, protected, scores).items():
            freed = least.copy()
            freed[[costs.index[n] for n in names]] = 0
            if (gain := lowest - selection.measure(freed)[index]) > 0:
                blocking.append((gain, reason))
        if (fixed := selection.measure(least * 0)[index]) > 0:
            blocking.append((fixed, "parameters of no unit stay"))
        blocking.sort(key=lambda pair: -pair[0])
        why = "; ".join(f"{reason} ({human(gain)})" for gain, reason in blocking[:4])
        raise BudgetError(
            f"budget: {constraint.name} may be {constraint.show(constraint.target)}, but with everything removed that "
            f"may go {constraint.show(lowest)} are left. Raise the limit to at least that"
            + (f", or free what is in the way: {why}" if why else "")
        )


def _reasons(
    costs: CostModel, possible: list[Candidate], protected: frozenset[str], scores: Mapping[str, Tensor]
) -> dict[str, list[str]]:
    """Reasons why units cannot be narrowed further -> the names of these units."""
    units = costs.declarations.units
    free = {c.unit.name for c in possible}
    reasons: dict[str, list[str]] = {}
    for name, unit in units.items():
        if unit.contains and any(each.startswith(name + ".") for each in protected):
            continue  # kept because something inside it is
        if name in protected and name in scores:
            reasons.setdefault(f"{name} is protected", []).append(name)
        elif name not in free:
            reasons.setdefault(f"units of the kind {unit.kind} have no scores", []).append(name)
    for each in possible:
        if (floor := int(each.widths[-1])) > max(each.unit.floor, 0):
            reasons.setdefault(f"{each.unit.name} keeps at least {floor}", []).append(each.unit.name)
    return reasons

"""What the stages that make a network smaller share: the budget and how widths are rounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from ..tasks.options import Options
from .budget_options import BudgetOptions


class SlimmingOptions(Options):
    """How far a network is to shrink, and what it may not lose.

    Args:
        budget: in place of the recipe's.
        round_to: multiple of the widths, for all or by kind; default: what hardware likes.
        protect: units that stay whole: names, kinds, paths or patterns.
        floors: fewest elements that stay, by the same.
    """

    budget: BudgetOptions | None = None
    round_to: int | dict[str, int] | None = None
    protect: list[str] = []
    floors: dict[str, int] = Field({})

    def rounding(self) -> dict[str, Any]:
        """Arguments of `plan`."""
        return {"round_to": self.round_to, "protect": self.protect, "floors": self.floors}

    def budget_problems(self, has_budget: bool) -> Iterator[str]:
        if self.budget is None and not has_budget:
            yield "budget: missing; give one here or for the whole recipe"

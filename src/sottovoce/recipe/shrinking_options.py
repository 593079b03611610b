"""What the stages that make a network smaller share: of what, which units, how far, and how widths are rounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from ..encoder.model import SpeechEncoder
from ..encoder.unit_kinds import GATED
from ..encoder.units import collect
from ..models.task_model import TaskModel
from ..options import Options
from ..text.suggestions import did_you_mean
from .budget_options import BudgetOptions


class SlimmingOptions(Options):
    """How far a network is to shrink, and what it may not lose.

    Args:
        scope: what shrinks, and what the budget counts: the ``encoder`` alone, or the whole ``model``, with the units of
            its head (a transducer's ``joiner``, the Conformers of a diarization head).
        kinds: of unit that may shrink.
        budget: in place of the recipe's.
        round_to: multiple of the widths, for all or by kind; default: what hardware likes.
        protect: units that stay whole: names, kinds, paths or patterns.
        floors: fewest elements that stay, by the same.
    """

    scope: Literal["encoder", "model"] = "encoder"
    kinds: list[str] = Field(list(GATED), min_length=1)
    budget: BudgetOptions | None = None
    round_to: int | dict[str, int] | None = None
    protect: list[str] = []
    floors: dict[str, int] = Field({})

    def of(self, model: TaskModel) -> SpeechEncoder | TaskModel:
        """What shrinks."""
        return model if self.scope == "model" else model.encoder

    def rounding(self) -> dict[str, Any]:
        """Arguments of `plan`."""
        return {"round_to": self.round_to, "protect": self.protect, "floors": self.floors}

    def budget_problems(self, has_budget: bool) -> Iterator[str]:
        if self.budget is None and not has_budget:
            yield "budget: missing; give one here or for the whole recipe"

    def unit_problems(self, model: TaskModel) -> Iterator[str]:
        """Units that are not there."""
        parts = {"encoder": model.encoder, "model": model}
        kinds = {scope: {unit.kind for unit in collect(part).units.values()} for scope, part in parts.items()}
        for k, kind in enumerate(self.kinds):
            if kind in kinds[self.scope]:
                continue
            if kind in kinds["model"]:
                yield f"kinds[{k}]: only the head has units of the kind {kind!r}; give the stage scope: model"
            else:
                known = kinds[self.scope]
                yield f"kinds[{k}]: this network has no unit of the kind {kind!r}; {did_you_mean(kind, known)}"

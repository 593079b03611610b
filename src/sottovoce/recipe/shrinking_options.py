"""Options that stages share that make a network smaller: scope, units, budget, and rounding of widths."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal, TypedDict

import torch
from pydantic import Field

from ..encoder.model import SpeechEncoder
from ..encoder.unit_kinds import GATED
from ..encoder.units import collect
from ..errors import SottovoceError
from ..models.task_model import TaskModel
from ..pruning.budget import Budget, Constraint
from ..pruning.costs import CostModel, human, reference_cost
from ..pruning.planning.candidates import resolve_rules
from ..pruning.planning.plans import choose
from ..pruning.planning.scores import Scores
from ..text.suggestions import did_you_mean
from .budget_options import BudgetOptions
from .network_forecast import NetworkForecast, Quantity
from .stage_options import StageOptions


class Rounding(TypedDict):
    """Keyword arguments of `choose` for the rounding of widths."""

    round_to: int | dict[str, int] | None
    protect: list[str]
    floors: dict[str, int]


class SlimmingOptions(StageOptions):
    """How far a network is to shrink, and which units are protected.

    Args:
        scope: what shrinks, and what the budget counts: the ``encoder`` alone, or the whole ``model`` with the units of
            its head (a transducer's ``joiner``, the Conformer layers of a diarization head).
        kinds: kinds of units that may shrink.
        budget: budget of the stage; default: that of the recipe.
        round_to: widths become multiples of this, for all kinds or by kind; default: multiples that suit the hardware.
        protect: units that are not pruned: names, kinds, paths or patterns.
        floors: minimum number of elements that remain, by name, kind, path or pattern of a unit.
    """

    scope: Literal["encoder", "model"] = "encoder"
    kinds: list[str] = Field(list(GATED), min_length=1)
    budget: BudgetOptions | None = None
    round_to: int | dict[str, int] | None = None
    protect: list[str] = []
    floors: dict[str, int] = Field({})

    def shrinking_part(self, model: TaskModel) -> SpeechEncoder | TaskModel:
        """The part of a model that shrinks: its encoder, or all of it."""
        return model if self.scope == "model" else model.encoder

    def rounding(self) -> Rounding:
        """Keyword arguments of `choose` for the rounding of widths."""
        return {"round_to": self.round_to, "protect": self.protect, "floors": self.floors}

    def budget_problems(self, has_budget: bool) -> Iterator[str]:
        """Report a missing budget."""
        if self.budget is None and not has_budget:
            yield "budget: missing; give one here or for the whole recipe"

    def unit_problems(self, model: TaskModel) -> Iterator[str]:
        """Report kinds of units that a model does not have."""
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

    # --- what it does to the network ---

    def misfits(self, before: NetworkForecast, budget: Budget | None) -> Iterator[str]:
        if found := list(super().misfits(before, budget)):
            yield from found
        elif (own := self._budget(budget)) is not None:
            yield from self._budget_misfits(before, own)

    def _budget_misfits(self, before: NetworkForecast, budget: Budget) -> Iterator[str]:
        """Report a budget that cannot be met, or that would remove nothing."""
        part = self.shrinking_part(before.variants[0])
        # Earlier stages may have made the network smaller. Whatever they may have removed counts as removed, even if this
        # stage protects it.
        left = self._shrunk(before)
        declared = collect(part)
        sizes = {name: unit.size for name, unit in declared.units.items() if left.may_have_shrunk(name, unit.kind)}
        rounding = self.rounding()
        if before.shrunk:
            rounding = {"round_to": 1, "protect": [], "floors": {}}
        try:
            resolve_rules(declared, **self.rounding())
            choose(part, budget, Scores({name: torch.zeros(size) for name, size in sizes.items()}), **rounding)
            costs, limits = self._constraints(part, budget)
        except SottovoceError as error:
            yield str(error)
            return
        have = [float(limit.measure(costs.sizes)) for limit in limits]
        if not before.shrunk and all(amount <= limit.target for amount, limit in zip(have, limits, strict=True)):
            yield (
                f"budget: {limits[0].name} may be {limits[0].show(limits[0].target)}, but there are only "
                f"{limits[0].show(have[0])}, so nothing would go; lower it"
            )
        elif budget.reference == "original":  # otherwise the budget is a fraction of the network after the stage before
            yield from self._nothing_goes(before, self._targets(limits, budget))

    def _nothing_goes(self, before: NetworkForecast, limits: dict[Quantity, float]) -> Iterator[str]:
        """Report an earlier stage that already meets the budget."""
        if all(before.limits.get(quantity, math.inf) <= target for quantity, target in limits.items()):
            quantity, target = next(iter(limits.items()))
            name = f"{quantity.name} at {quantity.seconds:g} s" if quantity.name.endswith("macs") else quantity.name
            yield (
                f"budget: {name} may be {human(target)}, but {before.limited_by} leaves {human(before.limits[quantity])}, "
                "so nothing would go; lower the one or raise the other"
            )

    def after(self, before: NetworkForecast, budget: Budget | None) -> NetworkForecast:
        if (own := self._budget(budget)) is None:
            return before
        left = self._shrunk(before)
        if own.reference != "original":
            return left
        try:
            _, limits = self._constraints(self.shrinking_part(before.variants[0]), own)
        except SottovoceError:
            return left  # `misfits` reports why
        return replace(left, limits={**left.limits, **self._targets(limits, own)})

    def _budget(self, budget: Budget | None) -> Budget | None:
        return budget if self.budget is None else self.budget.build()

    def _shrunk(self, before: NetworkForecast) -> NetworkForecast:
        """The forecast with the stage's units among those that have shrunk."""
        # Factors that do not save anything are multiplied back into one matrix.
        variants = tuple(dict.fromkeys([*before.variants, before.original]))
        return replace(before, variants=variants, shrunk=before.shrunk | {(self.scope, kind) for kind in self.kinds})

    def _constraints(self, part: SpeechEncoder | TaskModel, budget: Budget) -> tuple[CostModel, list[Constraint]]:
        costs = CostModel(part, budget.seconds)
        return costs, budget.constraints(costs, reference_cost(part, budget.seconds, budget.reference))

    def _targets(self, limits: Iterable[Constraint], budget: Budget) -> dict[Quantity, float]:
        return {Quantity(self.scope, limit.name, budget.seconds): limit.target for limit in limits}

    # --- what the model card says of it ---

    def card_options(self, budget: BudgetOptions | None) -> dict[str, object]:
        options = super().card_options(budget)
        if self.budget is None and budget is not None:
            options["budget"] = budget.model_dump(mode="json")
        return options

"""A stage that shrinks: it keeps a part of the FFN units of every layer, without training."""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from sottovoce.encoder.units import collect
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.planning.plans import Plan
from sottovoce.recipe.network_forecast import NetworkForecast
from sottovoce.recipe.stage_options import StageOptions
from sottovoce.runs.stages.context import StageContext, StageResult
from sottovoce.runs.stages.plan_execution import carry_out_plan


class Halve(StageOptions):
    """Keeps the first FFN units of every layer.

    Args:
        part: of the units that stay.
    """

    on_card: ClassVar[tuple[str, ...]] = ("part",)

    part: float = Field(0.5, gt=0, lt=1)

    def check(self, model: TaskModel) -> Iterator[str]:
        if not any(unit.kind == "ffn" for unit in collect(model.encoder).units.values()):
            yield "this network has no FFN units left to halve"

    def after(self, before: NetworkForecast, budget: Budget | None) -> NetworkForecast:
        return replace(before, shrunk=before.shrunk | {("encoder", "ffn")})

    def run(self, at: StageContext) -> StageResult:
        model = at.start_model(self)
        objective = at.start_objective(self, model)
        units = collect(model.encoder).units.values()
        widths = {unit.name: max(1, round(self.part * unit.size)) for unit in units if unit.kind == "ffn"}
        plan = Plan.to_shape(model.encoder, widths, seconds=at.seconds)
        small, proof = carry_out_plan(at, model, model.encoder, plan)
        return StageResult(small, objective, proof)

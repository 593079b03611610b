"""One-shot pruning by importance scores without training, the baseline for learned pruning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from ...data.batches.batches import Batch
from ...encoder.model import SpeechEncoder
from ...errors import RecipeError
from ...models.task_model import TaskModel
from ...pruning.importance import activation, magnitude, taylor
from ...pruning.planning.plans import choose
from ...pruning.planning.scores import Scores
from ...recipe.shrinking_options import SlimmingOptions
from ...tasks.task import Objective
from .context import StageContext, StageResult
from .plan_execution import carry_out_plan


class Slim(SlimmingOptions):
    """One-shot pruning by importance scores.

    Args:
        method: the score: magnitude of weights, mean activation, or first-order Taylor expansion of the task's loss.
        batches: number of training batches over which activations and gradients are averaged.
    """

    on_card: ClassVar[tuple[str, ...]] = ("method", "budget")

    method: Literal["magnitude", "activation", "taylor"] = "magnitude"
    batches: int = Field(8, ge=1)

    def problems(self, before: list[str], has_budget: bool) -> Iterator[str]:
        return self.budget_problems(has_budget)

    def check(self, model: TaskModel) -> Iterator[str]:
        return self.unit_problems(model)

    def run(self, at: StageContext) -> StageResult:
        model = at.start_model(self)
        objective = at.start_objective(self, model)
        part = self.shrinking_part(model)
        chosen = choose(part, at.budget(self), self._scores(at, model, part, objective), **self.rounding())
        small, proof = carry_out_plan(at, model, part, chosen)
        return StageResult(small, objective, {"method": self.method, **proof})

    def _scores(
        self, at: StageContext, model: TaskModel, part: SpeechEncoder | TaskModel, objective: Objective | None
    ) -> Scores:
        if self.method == "magnitude":
            return magnitude(part, self.kinds)
        batches = at.sample_batches(self.batches, objective)
        if self.method == "activation":
            return activation(part, batches, self.kinds)
        if objective is None:
            raise RecipeError(f"stage {at.name}: taylor scores need the task's loss; fine-tune before")

        def loss(_: nn.Module, batch: Batch) -> Tensor:
            # ``model`` holds the very network that is scored.
            return objective.of(model(batch["waveform"], batch["lengths"]), batch)[0]

        return taylor(part, loss, batches, self.kinds)

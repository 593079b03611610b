"""Remove what seems to matter least, without training: what learned pruning has to be better than."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

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
from ...recipe.training_stage_options import StageOptions
from ...tasks.task import Objective
from ..stage_run import StageContext, StageResult


class Slim(SlimmingOptions, StageOptions):
    """One-shot pruning by scores.

    Args:
        method: magnitude of weights, mean activation, or first-order Taylor on the task's loss.
        batches: training batches that activations and gradients are averaged over.
    """

    method: Literal["magnitude", "activation", "taylor"] = "magnitude"
    batches: int = Field(8, ge=1)

    def problems(self, before: list[str], has_budget: bool) -> Iterator[str]:
        return self.budget_problems(has_budget)

    def check(self, model: TaskModel) -> Iterator[str]:
        return self.unit_problems(model)

    def run(self, at: StageContext) -> StageResult:
        model = at.start_model(self)
        objective = at.start_objective(self, model)
        scope = self.of(model)
        chosen = choose(scope, at.budget(self), self._scores(at, model, scope, objective), **self.rounding())
        small, proof = at.slimmed(model, scope, chosen)
        return StageResult(small, objective, {"method": self.method, **proof})

    def _scores(
        self, at: StageContext, model: TaskModel, scope: SpeechEncoder | TaskModel, objective: Objective | None
    ) -> Scores:
        if self.method == "magnitude":
            return magnitude(scope, self.kinds)
        batches = at.sample_batches(self.batches, objective)
        if self.method == "activation":
            return activation(scope, batches, self.kinds)
        if objective is None:
            raise RecipeError(f"stage {at.name}: taylor scores need the task's loss; fine-tune before")

        def loss(_: nn.Module, batch: Batch) -> Tensor:
            # ``model`` holds the very network that is scored.
            return objective.of(model(batch["waveform"], batch["lengths"]), batch)[0]

        return taylor(scope, loss, batches, self.kinds)

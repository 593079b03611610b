"""Distill a model from a teacher without gates, as a slimmed model needs it to recover."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from ...models.task_model import TaskModel
from ...recipe.distillation_options import DistillationOptions
from ...recipe.training.training_stage_options import TrainingStageOptions
from .context import StageContext, StageResult
from .terms import distillation_term, task_term
from .training import train


class Distill(TrainingStageOptions):
    """Distillation, with or without the task's loss.

    Args:
        distillation: the teacher, and which of its states and outputs are distilled.
        task: weight of the task's loss; with 0 the audio needs no labels, and the head is only trained if logits are
            distilled.
    """

    on_card: ClassVar[tuple[str, ...]] = ("steps", "task", "loss")

    distillation: DistillationOptions
    task: float = Field(0.0, ge=0)

    @property
    def trains_head(self) -> bool:
        return bool(self.task or self.distillation.logits)

    @property
    def imitates(self) -> DistillationOptions:
        return self.distillation

    def problems(self, before: list[str], has_budget: bool) -> Iterator[str]:
        return self.distillation.problems(before)

    def check(self, model: TaskModel) -> Iterator[str]:
        yield from super().check(model)
        yield from self.distillation.check(model)

    def run(self, at: StageContext) -> StageResult:
        model = at.start_model(self)
        terms = [distillation_term(at, self, model, self.distillation)]
        task = task_term(at, self, model, self.task) if self.task else None
        model.head.requires_grad_(self.trains_head)
        chosen = train(at, self, model, [*terms, *([task] if task else [])])
        model.head.requires_grad_(True)
        return StageResult(model, task.objective if task else at.start_objective(self, model), chosen)

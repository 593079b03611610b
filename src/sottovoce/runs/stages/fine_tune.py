"""Train the model on its task."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from ...recipe.data_section import DataOptions
from ...recipe.stage_options import StageWork
from ...recipe.training.training_stage_options import TrainingStageOptions
from .context import StageContext, StageResult
from .terms import task_term
from .training import train


class FineTune(TrainingStageOptions):
    """Task loss alone; the network keeps its shape.

    Args:
        freeze: train the head only.
    """

    on_card: ClassVar[tuple[str, ...]] = ("steps", "freeze", "loss")

    freeze: bool = False

    @property
    def trains_head(self) -> bool:
        return True

    @property
    def changes_encoder(self) -> bool:
        return not self.freeze

    def work(self, data: DataOptions) -> StageWork:
        work = super().work(data)
        return replace(work, passes=1.0) if self.freeze else work

    def run(self, at: StageContext) -> StageResult:
        model = at.start_model(self)
        task = task_term(at, self, model)
        model.encoder.requires_grad_(not self.freeze)
        chosen = train(at, self, model, [task])
        model.encoder.requires_grad_(True)
        return StageResult(model, task.objective, chosen)

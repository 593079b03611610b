"""Train the model on its task."""

from __future__ import annotations

from ...recipe.training_stage_options import CheckpointSelectionOptions
from ..stage_run import StageContext, StageResult


class FineTune(CheckpointSelectionOptions):
    """Task loss alone; the network keeps its shape.

    Args:
        freeze: train the head only.
    """

    freeze: bool = False

    @property
    def trains_head(self) -> bool:
        return True

    def run(self, at: StageContext) -> StageResult:
        model = at.start_model(self)
        task = at.task_term(self, model)
        model.encoder.requires_grad_(not self.freeze)
        chosen = at.train(self, model, [task])
        model.encoder.requires_grad_(True)
        return StageResult(model, task.objective, chosen)

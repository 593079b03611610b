"""Train adapters and the head while the encoder's own weights stay fixed, then merge: the first stage of 2510.04213."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from ...errors import TrainingError
from ...models.task_model import TaskModel
from ...options.bounds import WIDEST
from ...recipe.training.training_stage_options import TrainingStageOptions
from ...training.adapters import attach_adapters, merge_adapters, targeted
from .context import StageContext, StageResult
from .terms import task_term
from .training import train


class Adapt(TrainingStageOptions):
    """LoRA: the task's loss, through low-rank adapters on chosen linear maps of the frozen encoder.

    The stage ends with a plain model, the adapters merged into the weights.

    Args:
        rank, alpha: rank and scale of the adapters.
        targets: ends of the paths of the linear maps that get adapters.
        adapter_dropout: dropout probability on the input of the adapters.
    """

    rank: int = Field(64, ge=1, le=WIDEST)
    alpha: int = Field(128, ge=1)
    targets: list[str] = Field(["attention.q", "attention.v"], min_length=1)
    adapter_dropout: float = Field(0.0, ge=0, lt=1)

    @property
    def trains_head(self) -> bool:
        return True

    def check(self, model: TaskModel) -> Iterator[str]:
        yield from super().check(model)
        try:
            targeted(model.encoder, self.targets)
        except TrainingError as error:
            yield f"targets: {error}"

    def run(self, at: StageContext) -> StageResult:
        model = at.start_model(self)
        task = task_term(at, self, model)
        count = attach_adapters(
            model.encoder, self.targets, rank=self.rank, alpha=self.alpha, dropout=self.adapter_dropout
        )
        at.report(f"{count} adapters of rank {self.rank}")
        chosen = train(at, self, model, [task])
        merge_adapters(model.encoder)
        return StageResult(model, task.objective, chosen | {"adapters": count})

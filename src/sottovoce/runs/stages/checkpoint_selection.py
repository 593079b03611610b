"""What evaluates on development data while a stage trains, and ends it with chosen weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...data.batches.windows import WindowBatches
from ...errors import RecipeError
from ...models.task_model import TaskModel
from ...pruning.gating.gates import Gates
from ...recipe.training.training_stage_options import TrainingStageOptions
from ...tasks.task import EvaluationData
from ...training.development_loss import DevelopmentLoss
from ...training.selection import CheckpointSelection
from ...training.terms import Term
from ..metrics_log import MetricsLog
from .context import StageContext


def selection_during(
    at: StageContext,
    options: TrainingStageOptions,
    terms: Sequence[Term],
    log: MetricsLog,
    gates: Gates | None = None,
    settled: int = 0,
) -> CheckpointSelection | None:
    """The evaluations of a stage; ``None`` for a stage without.

    Args:
        at: context of the stage.
        options: options of the stage.
        terms: terms of its loss.
        log: where results are written.
        gates: gates that are averaged with the network's weights.
        settled: step after which evaluations count for patience.

    Raises:
        RecipeError: there is no development data.
        DataError: the loss is to be evaluated on classes that it does not know.
    """
    if not options.evaluate_every:
        return None
    development = at.corpora.dev_set()
    if development is None:
        raise RecipeError(f"stage {at.name}: evaluate_every: there is no data.dev to evaluate on")
    by_loss = options.selected_by == "loss"
    return CheckpointSelection(
        _loss(at, options, terms, development) if by_loss else _metric(at, development),
        "loss" if by_loss else at.task.metric,
        lower=by_loss or at.task.better == "lower",
        every=options.evaluate_every,
        last=options.steps,
        directory=at.run.checkpoints(at.name),
        also={"gates.log_alpha": gates.log_alpha} if gates is not None else {},
        patience=options.patience,
        settled=settled,
        write_metrics=log.write,
    )


def _metric(at: StageContext, development: EvaluationData) -> Callable[[Any], dict[str, Any]]:
    train_cuts = at.train_cuts()

    def evaluate(model: TaskModel) -> dict[str, Any]:
        at.task.calibrate(model, train_cuts)
        return dict(at.task.evaluate(model, development))

    return evaluate


def _loss(
    at: StageContext, options: TrainingStageOptions, terms: Sequence[Term], development: EvaluationData
) -> DevelopmentLoss:
    data = at.corpora.options
    crop = options.crop or data.crop
    labels: Sequence[str] = next((term.labels for term in terms if term.labels), ())
    batches = WindowBatches(
        development.cuts,
        batch_size=options.batch or data.batch,
        window=None if crop is None else crop[1],
        targets=at.task.targets(development.cuts, labels) if labels else None,
    )
    return DevelopmentLoss(batches, terms)

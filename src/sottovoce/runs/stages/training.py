"""How a stage trains: its options as the set-up of the loop, and the choice of the weights that it ends with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import RecipeError
from ...models.task_model import TaskModel
from ...recipe.augmentation import masks
from ...recipe.training_stage_options import CheckpointSelectionOptions, TrainingStageOptions
from ...training.loop import TrainingSetup, fit
from ...training.masking import masked
from ...training.progress import ProgressBar
from ...training.random_chunks import RandomChunks
from ...training.schedules import schedule
from ...training.selection import CheckpointSelection
from ...training.terms import DistillationTerm, Term
from ..metrics_log import MetricsLog
from .context import StageContext


def train(at: StageContext, options: TrainingStageOptions, model: TaskModel, terms: Sequence[Term]) -> dict[str, Any]:
    """Train a model in place, and choose its weights where the stage evaluates on development data.

    Args:
        at: context of the stage.
        options: options of the stage.
        model: the network.
        terms: terms of the loss.

    Returns:
        what is recorded of it, as plain data.
    """
    labels: Sequence[str] = next((term.labels for term in terms if term.labels), ())
    log = MetricsLog(at.run, at.name, options.log_every)
    selection = _selection(at, options, log)
    setup = TrainingSetup(
        name=at.name,
        seed=at.seed,
        steps=options.steps,
        batches=at.batches(options, labels),
        terms=terms,
        encoder_lr=options.lr.encoder,
        head_lr=options.lr.head,
        weight_decay=options.weight_decay,
        rate=schedule(options.steps, warmup=options.warmup, decay=options.decay, final=options.final),
        encoder_gradient=options.encoder_gradient,
        accumulate=options.accumulate,
        clip=options.clipping(),
        checkpoint_every=options.checkpoint_every,
        recompute=options.recompute,
        callbacks=[
            *_random_chunks(at, model, terms),
            log,
            *([selection] if selection else []),
            ProgressBar(at.console, at.name, options.steps),
        ],
    )
    with masked(model.encoder, masks(at.augmentation(options))):
        fit(model, setup, at.compute, at.run.checkpoints(at.name))
    model.cpu()
    if selection is None:
        return {}
    assert isinstance(options, CheckpointSelectionOptions)
    steps = selection.finish(model, options.keep, options.average)
    return {"weights_of_steps": steps, "evaluated": dict(selection.evaluated)}


def _random_chunks(at: StageContext, model: TaskModel, terms: Sequence[Term]) -> list[RandomChunks]:
    """Chunks of random size for an encoder that learns to stream. Teachers that stream get the same ones."""
    if model.config.encoder.chunk_frames is None:
        return []
    teachers = [term.teacher for term in terms if isinstance(term, DistillationTerm)]
    streaming = [each for each in teachers if each.config.chunk_frames is not None]
    return [RandomChunks(model.encoder, *streaming, seed=at.seed, stage=at.name)]


def _selection(at: StageContext, options: TrainingStageOptions, log: MetricsLog) -> CheckpointSelection | None:
    """What evaluates on development data; ``None`` for a stage that does not."""
    if not isinstance(options, CheckpointSelectionOptions) or not options.evaluate_every:
        return None
    development = at.corpora.dev_set()
    if development is None:
        raise RecipeError(f"stage {at.name}: evaluate_every: there is no data.dev to evaluate on")
    train_cuts = at.train_cuts()

    def evaluate(model: TaskModel) -> dict[str, Any]:
        at.task.calibrate(model, train_cuts)
        return at.task.evaluate(model, development)

    return CheckpointSelection(
        evaluate,
        at.task.metric,
        lower=at.task.better == "lower",
        every=options.evaluate_every,
        last=options.steps,
        directory=at.run.checkpoints(at.name),
        write_metrics=log.write,
    )

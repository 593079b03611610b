"""How a stage trains: its options as the set-up of the loop, and the choice of the weights that it ends with."""

from __future__ import annotations

from collections.abc import Sequence

from ...models.task_model import TaskModel
from ...pruning.gating.gates import Gates
from ...recipe.training.augmentation import masks
from ...recipe.training.training_stage_options import TrainingStageOptions
from ...training.loop import TrainingSetup, fit
from ...training.masking import masked
from ...training.progress import ProgressBar
from ...training.random_chunks import RandomChunks
from ...training.terms import DistillationTerm, Term
from ..metrics_log import MetricsLog
from .checkpoint_selection import selection_during
from .context import StageContext


def train(
    at: StageContext,
    options: TrainingStageOptions,
    model: TaskModel,
    terms: Sequence[Term],
    gates: Gates | None = None,
    settled: int = 0,
) -> dict[str, object]:
    """Train a model in place, and choose its weights where the stage evaluates on development data.

    Args:
        at: context of the stage.
        options: options of the stage.
        model: the network.
        terms: terms of the loss.
        gates: gates that are averaged with the weights of the network to which they are attached.
        settled: step after which evaluations count for the patience of the stage.

    Returns:
        what is recorded of it, as plain data.
    """
    labels: Sequence[str] = next((term.labels for term in terms if term.labels), ())
    log = MetricsLog(at.run, at.name, options.log_every)
    selection = selection_during(at, options, terms, log, gates, settled)
    setup = TrainingSetup(
        name=at.name,
        seed=at.seed,
        steps=options.steps,
        batches=at.batches(options, labels),
        terms=terms,
        encoder_lr=options.lr.encoder,
        head_lr=options.lr.head,
        weight_decay=options.weight_decay,
        rate=options.rate(),
        decays=options.decays,
        optimizer=options.optimizer,
        encoder_gradient=options.encoder_gradient,
        front_end_gradient=options.front_end_gradient,
        accumulate=options.accumulate,
        clip=options.clipping(),
        clip_by=options.clipped_by(),
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
    steps = selection.finish(model, options.keep, options.average)
    ended = selection.evaluated[-1][0]
    if ended < options.steps:
        at.report(f"ended at step {ended} of {options.steps}: no better evaluation in {options.patience} in a row")
    return {"weights_of_steps": steps, "evaluated": dict(selection.evaluated)}


def _random_chunks(at: StageContext, model: TaskModel, terms: Sequence[Term]) -> list[RandomChunks]:
    """Chunks of random size for an encoder that learns to stream. Teachers that stream get the same ones."""
    if model.config.encoder.chunk_frames is None:
        return []
    teachers = [term.teacher for term in terms if isinstance(term, DistillationTerm)]
    streaming = [each for each in teachers if each.config.chunk_frames is not None]
    return [RandomChunks(model.encoder, *streaming, seed=at.seed, stage=at.name)]

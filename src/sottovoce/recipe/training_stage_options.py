"""Options that all training stages share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from ..options import Options
from ..training.clipping import AutoClip, Clipping, FixedClipping
from ..training.schedules import Decay
from .amounts import MOST_STEPS, MOST_UTTERANCES, Crop
from .augmentation import Augmentation
from .data_section import DataOptions
from .stage_options import StageOptions, StageWork


class Rates(Options):
    """Peak learning rates: of the encoder, and of everything else that is trained by gradient descent on weights."""

    encoder: float = Field(1e-4, ge=0, le=100)
    head: float = Field(1e-3, ge=0, le=100)


class AutoClipOptions(Options):
    """Gradients are clipped at a percentile of the last norms; see `sottovoce.training.clipping.AutoClip`."""

    percentile: float = Field(90.0, gt=0, le=100)
    history: int = Field(1000, ge=1, description="norms that are remembered")


class TrainingStageOptions(StageOptions):
    """Options that all training stages share.

    Args:
        steps: number of optimizer updates.
        lr: peak learning rates.
        warmup: steps until the peak.
        decay: shape of the decay after the peak.
        final: factor of the learning rates at the last step.
        weight_decay: weight decay of matrices; vectors (norms, biases) have none.
        clip: largest norm of the weights' gradient, or `AutoClipOptions`; ``null`` for no clipping.
        encoder_gradient: factor of the gradients of the encoder's weights before clipping. AdamW does not depend on the
            scale of gradients, so this only changes the encoder's share in the norm that is clipped.
        accumulate: number of batches for one update.
        batch, crop, train, augment: replace those of the data section; an empty list turns augmentation off.
        loss: options of the task's loss that differ in this stage.
        recompute: whether activations of layers are recomputed in the backward pass to save memory.
        checkpoint_every, log_every: steps between training states on disk, and between log lines.
    """

    on_card: ClassVar[tuple[str, ...]] = ("steps", "loss")

    steps: int = Field(ge=1, le=MOST_STEPS)
    lr: Rates = Rates()
    warmup: int = Field(0, ge=0, le=MOST_STEPS)
    decay: Decay = "cosine"
    final: float = Field(0.0, ge=0, le=1)
    weight_decay: float = Field(0.01, ge=0)
    clip: Annotated[float, Field(gt=0)] | AutoClipOptions | None = 5.0
    encoder_gradient: float = Field(1.0, gt=0)
    accumulate: int = Field(1, ge=1)
    batch: int | None = Field(None, ge=1, le=MOST_UTTERANCES)
    crop: Crop | None = None
    train: list[str] | None = Field(None, min_length=1)
    augment: list[Augmentation] | None = None
    loss: dict[str, Any] = {}
    recompute: bool = False
    checkpoint_every: int = Field(100, ge=1, le=MOST_STEPS)
    log_every: int = Field(10, ge=1, le=MOST_STEPS)

    def work(self, data: DataOptions) -> StageWork:
        return StageWork(
            steps=self.steps,
            batch=(self.batch or data.batch) * self.accumulate,
            crop=self.crop or data.crop,
            passes=3.0 + self.recompute,
            teacher=None if self.imitates is None else self.imitates.teacher,
        )

    def clipping(self) -> Callable[[], Clipping] | None:
        """Returns a function that makes the gradient clipping of the stage; ``None`` for no clipping."""
        if isinstance(self.clip, AutoClipOptions):
            return partial(AutoClip, self.clip.percentile, self.clip.history)
        return None if self.clip is None else partial(FixedClipping, self.clip)


class CheckpointSelectionOptions(TrainingStageOptions):
    """Options of a training stage that can end with chosen or averaged checkpoints. (A stage that trains gates cannot,
    because networks with different structures cannot be averaged.)

    Args:
        evaluate_every: steps between evaluations on ``data.dev``; 0 for none.
        keep: the checkpoint that the stage ends with: the last, or the best on ``data.dev``.
        average: number of evaluated checkpoints that are averaged: the last ones, or those around the best.
    """

    evaluate_every: int = Field(0, ge=0, le=MOST_STEPS)
    keep: Literal["last", "best"] = "last"
    average: int = Field(1, ge=1)

    @property
    def evaluates_during_training(self) -> bool:
        return self.evaluate_every > 0

    @model_validator(mode="after")
    def _chosen_from_something(self) -> CheckpointSelectionOptions:
        if not self.evaluate_every and (self.keep == "best" or self.average > 1):
            raise ValueError("keep: best and average need evaluations on data.dev; set evaluate_every")
        if self.evaluate_every and self.average > (count := -(-self.steps // self.evaluate_every)):
            raise ValueError(f"average: there are only {count} evaluations to take {self.average} weights from")
        return self

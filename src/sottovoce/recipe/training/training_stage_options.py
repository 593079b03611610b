"""Options that all training stages share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from ...models.task_model import TaskModel
from ...options import Options
from ...training.optimization.clipping import ClippedBy, Clipping
from ...training.optimization.front_end_gradient import front_end_weights
from ...training.optimization.optimizers import OptimizerName
from ...training.optimization.schedules import Rate
from ...training.terms import Decayed
from ..amounts import MOST_STEPS, MOST_UTTERANCES, Crop
from ..data_section import DataOptions
from ..stage_options import StageOptions, StageWork
from .augmentation import Augmentation
from .clip_options import AutoClipOptions, FixedClipOptions
from .schedule_options import COSINE, Decay
from .selection_options import SelectionOptions


class Rates(Options):
    """Peak learning rates: of the encoder, and of everything else that is trained by gradient descent on weights."""

    encoder: float = Field(1e-4, ge=0, le=100)
    head: float = Field(1e-3, ge=0, le=100)


class TrainingStageOptions(SelectionOptions, StageOptions):
    """Options that all training stages share; with those of `SelectionOptions`.

    Args:
        steps: number of optimizer updates.
        lr: peak learning rates.
        warmup: steps until the peak.
        decay: how the rates fall after the peak: ``constant``, ``linear``, ``cosine``, ``exponential``, ``stairs`` or
            ``restarts``, see `sottovoce.recipe.training.schedule_options`.
        optimizer: ``adamw``, or ``adam``, whose weight decay is part of the gradient.
        weight_decay: weight decay, of what ``decays`` says.
        decays: whether only ``matrices`` of the model have weight decay, or ``all`` weights, with norms and biases.
        clip: largest norm of the weights' gradient, `FixedClipOptions` or `AutoClipOptions`; ``null`` for no clipping.
        encoder_gradient: factor of the gradients of the encoder's weights before clipping. The optimizers do not depend on
            the scale of gradients, so this only changes the encoder's share in the norm that is clipped. The
            ``feature_grad_mult`` of WeDefense's MHFA is this.
        front_end_gradient: another factor for the convolutions of the front end: the ``feature_grad_mult`` of DiariZen's
            and WeDefense's encoders, 0.1 there. Gates of the front end learn at their full gradients.
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
    decay: Decay = COSINE
    optimizer: OptimizerName = "adamw"
    weight_decay: float = Field(0.01, ge=0)
    decays: Decayed = "matrices"
    clip: Annotated[float, Field(gt=0)] | FixedClipOptions | AutoClipOptions | None = 5.0
    encoder_gradient: float = Field(1.0, gt=0)
    front_end_gradient: float = Field(1.0, gt=0)
    accumulate: int = Field(1, ge=1)
    batch: int | None = Field(None, ge=1, le=MOST_UTTERANCES)
    crop: Crop | None = None
    train: list[str] | None = Field(None, min_length=1)
    augment: list[Augmentation] | None = None
    loss: dict[str, object] = {}
    recompute: bool = False
    checkpoint_every: int = Field(100, ge=1, le=MOST_STEPS)
    log_every: int = Field(10, ge=1, le=MOST_STEPS)

    @model_validator(mode="after")
    def _go_together(self) -> TrainingStageOptions:
        if found := list(self.decay.options.problems(self.warmup)):
            raise ValueError("; ".join(found))
        if self.evaluate_every and self.average > (count := -(-self.steps // self.evaluate_every)):
            raise ValueError(f"average: there are only {count} evaluations to take {self.average} weights from")
        return self

    def check(self, model: TaskModel) -> Iterator[str]:
        yield from super().check(model)
        if self.front_end_gradient != 1 and not front_end_weights(model.encoder):
            yield "front_end_gradient: the front end of this network has no convolutions; leave it out"

    def rate(self) -> Rate:
        """The factor of the learning rates at each step."""
        return self.decay.options.rate(self.steps, self.warmup)

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
        clip = FixedClipOptions(norm=self.clip) if isinstance(self.clip, float) else self.clip
        return None if clip is None else clip.build

    def clipped_by(self) -> ClippedBy:
        """What has one norm when gradients are clipped."""
        return self.clip.by if isinstance(self.clip, FixedClipOptions) else "all"

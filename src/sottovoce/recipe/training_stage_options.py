"""What every stage that trains can be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from ..distillation.features import check_groups, default_layers
from ..errors import RecipeError
from ..options import Options
from ..text.suggestions import did_you_mean
from ..training.clipping import AutoClip, Clipping, FixedClipping
from ..training.schedules import Decay
from .amounts import MOST_STEPS, MOST_UTTERANCES, Crop, FileName
from .augmentation import Augmentation

if TYPE_CHECKING:
    from ..models.task_model import TaskModel


class Rates(Options):
    """Peak learning rates: of the encoder, and of everything else that is trained by gradient descent on weights."""

    encoder: float = Field(1e-4, ge=0, le=100)
    head: float = Field(1e-3, ge=0, le=100)


class StageOptions(Options):
    """What every stage has.

    Args:
        name: how other stages, files and ``--set`` refer to it; default: its kind.
        start: stage whose model it starts from; default: the one before. ``start`` is the model before all stages.
        evaluate: evaluate the stage's model on all test sets.
    """

    name: FileName | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    start: str | None = None
    evaluate: bool = True

    @property
    def trains_head(self) -> bool:
        """Whether the head learns something."""
        return False

    def problems(self, before: list[str], has_budget: bool) -> Iterator[str]:
        """What is wrong with the stage in its recipe: after the stages ``before``, with a budget for all or without."""
        return iter(())

    def check(self, model: TaskModel) -> Iterator[str]:
        """What is wrong with it for the model that it starts from, whose weights say nothing yet."""
        return iter(())


class AutoClipOptions(Options):
    """Gradients are clipped at a percentile of the last norms; see `sottovoce.training.clipping.AutoClip`."""

    percentile: float = Field(90.0, gt=0, le=100)
    history: int = Field(1000, ge=1, description="norms that are remembered")


class TrainingStageOptions(StageOptions):
    """What every stage that trains can be told.

    Args:
        steps: optimizer updates.
        lr: peak learning rates.
        warmup: steps until the peak.
        decay: what the rates do after it.
        final: factor of the rates at the end.
        weight_decay: on matrices; vectors (norms, biases) have none.
        clip: largest norm of the weights' gradient, or `AutoClipOptions`; ``null`` for none.
        encoder_gradient: factor of the gradients of the encoder's weights, before they are clipped with the head's. The
            optimizer does not mind the size of gradients: it is the learning rates that say how far weights move, and this
            that says how much the encoder counts in the norm.
        accumulate: batches that make one update.
        batch, crop, train, augment: in place of those of the data section; an empty list of effects is none.
        loss: in place of those options of the task's loss.
        recompute: compute activations of layers twice to save memory.
        checkpoint_every, log_every: steps.
    """

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

    def clipping(self) -> Callable[[], Clipping] | None:
        """Makes what clips the gradients of one training phase."""
        if isinstance(self.clip, AutoClipOptions):
            return partial(AutoClip, self.clip.percentile, self.clip.history)
        return None if self.clip is None else partial(FixedClipping, self.clip)


class CheckpointSelectionOptions(TrainingStageOptions):
    """A stage that may end with other weights than its last. (One that trains gates may not: an average of different
    structures is none of them.)

    Args:
        evaluate_every: steps between evaluations on ``data.dev``; 0 for none.
        keep: which weights the stage ends with: the last, or the best on ``data.dev``.
        average: mean over so many evaluated weights, the last ones or those around the best.
    """

    evaluate_every: int = Field(0, ge=0, le=MOST_STEPS)
    keep: Literal["last", "best"] = "last"
    average: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _chosen_from_something(self) -> CheckpointSelectionOptions:
        if not self.evaluate_every and (self.keep == "best" or self.average > 1):
            raise ValueError("keep: best and average need evaluations on data.dev; set evaluate_every")
        if self.evaluate_every and self.average > (count := -(-self.steps // self.evaluate_every)):
            raise ValueError(f"average: there are only {count} evaluations to take {self.average} weights from")
        return self


class LogitsOptions(Options):
    """Outputs that are imitated: classes by their divergence, embeddings by their cosine.

    A transducer is imitated at every node of the lattice of a transcript, so its audio needs transcripts; anything else
    needs only audio.

    Args:
        weight: beside the features, whose parts have weights of their own.
        temperature: that logits are divided by; embeddings have none.
    """

    weight: float = Field(1.0, gt=0)
    temperature: float = Field(1.0, gt=0)


class DistillationOptions(Options):
    """What is imitated: hidden states, and outputs if ``logits`` are asked for.

    Args:
        teacher: an earlier stage, ``start`` (the model before all stages), or a directory or hub id.
        layers: hidden states; default: four at equal distances; an empty list for none.
        logits: outputs, of a teacher with the same kind of head and labels, see `LogitsOptions`; ``null`` for none. The
            head is trained then.
        projections: Linear maps, identity at the start, behind the student's states: one each, or one for each of the
            groups of layers that are given, ``[[0], [4, 8, 12]]``.
        l1, cosine: weights of the two parts of the distance of hidden states.
        weight: of the whole.
    """

    teacher: str
    layers: list[int] | None = None
    logits: LogitsOptions | None = None
    projections: bool | list[list[int]] = False
    l1: float = Field(1.0, ge=0)
    cosine: float = Field(1.0, ge=0)
    weight: float = Field(1.0, gt=0)

    @model_validator(mode="after")
    def _something_is_imitated(self) -> DistillationOptions:
        if self.layers == []:
            if self.logits is None:
                raise ValueError("layers: an empty list and no logits: nothing is imitated; give one of the two")
            if self.projections:
                raise ValueError("projections stand behind hidden states; with layers: [] leave them out")
        return self

    def chosen(self, layers: int) -> list[int]:
        """The hidden states that are imitated, of a network with so many layers."""
        return default_layers(layers) if self.layers is None else self.layers

    def problems(self, before: list[str]) -> Iterator[str]:
        """What is wrong with the teacher."""
        if self.teacher not in before and "/" not in self.teacher and not Path(self.teacher).exists():
            yield f"distillation.teacher: no earlier stage and no model is called {self.teacher!r}; " + did_you_mean(
                self.teacher, before
            )

    def check(self, model: TaskModel) -> Iterator[str]:
        """What is wrong with the layers, for a model."""
        layers = model.config.encoder.num_hidden_layers
        for k, layer in enumerate(self.layers or ()):
            if not 0 <= layer <= layers:
                yield f"distillation.layers[{k}]: the network has the hidden states 0..{layers}, not {layer}"
            if layer in (self.layers or ())[:k]:
                yield f"distillation.layers[{k}]: {layer} is there already; name each hidden state once"
        if isinstance(self.projections, list):
            try:
                check_groups(self.projections, self.chosen(layers))
            except RecipeError as error:
                yield f"distillation.projections: {str(error).removeprefix('distillation: ')}"

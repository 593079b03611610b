"""What a task is: a small value that says which head, loss and metric. The training loop knows nothing else of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from torch import Tensor, nn

from ..data.batches.batches import Batch
from ..data.batches.targets import Targets
from ..distillation.logits import DistillationLoss
from ..encoder.config import EncoderConfig
from ..metrics.intervals import Interval
from ..models.task_config import TaskConfig
from ..models.task_network import TaskNetwork, TaskOutput

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from ..metrics.detection.trials import Trials


class Objective(nn.Module, ABC):
    """What a task wants of its outputs: a loss that may have weights of its own, which are no part of the model.

    Args:
        labels: names of the classes, in the order of the numbers that batches carry.
    """

    def __init__(self, labels: Sequence[str]):
        super().__init__()
        self.labels = list(labels)

    def begin(self, step: int) -> None:
        """Called before each forward pass with the number of the optimizer step."""

    def load_matching(self, labels: Sequence[str], weights: Mapping[str, Tensor]) -> int:
        """Go on from the weights of an objective over other ``labels``; for how many of its own there were any.

        Where the labels differ, nothing is taken over, unless an objective knows how to.
        """
        if list(labels) != self.labels:
            return 0
        self.load_state_dict(weights)
        return len(self.labels)

    def of(self, output: TaskOutput, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of what a model made of a batch, and values to log."""
        assert output.output is not None
        return self(output.output, batch | {"frames": output.output_lengths})

    @abstractmethod
    def forward(self, output: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and values to log.

        Args:
            output: of the model.
            batch: what it was made of, and ``frames`` ``[B]``: how many frames of each output are no padding.
        """


@dataclass(frozen=True)
class EvaluationData:
    """What a model is tested on.

    Args:
        cuts: the utterances.
        trials: pairs of them, where a task compares.
    """

    cuts: Sequence[Cut]
    trials: Trials | None = None


class Task(Protocol):
    """One task with its options. A task is one file with such a class, and one line in `TASKS`; in another
    package, one entry point of the group ``sottovoce.tasks``."""

    metric: str
    """Key of the number, in what `evaluate` returns, by which models are chosen."""

    better: Literal["lower", "higher"]
    """Which direction of the metric is better."""

    scored_on_trials: bool
    """Whether test data must bring trials."""

    least_speakers: int
    """Training speakers that it needs, where test data brings trials: the others may be held out for development."""

    whole_utterances: bool
    """Whether it only learns from whole utterances: no part of one is labeled."""

    def labels(self, cuts: Sequence[Cut]) -> list[str]:
        """Names of the classes that training data has, in the order of the numbers that batches carry.

        Raises:
            DataError: data that the task cannot learn from.
        """

    def targets(self, cuts: Sequence[Cut], labels: Sequence[str]) -> Targets:
        """What batches of these cuts carry for the objective over these classes.

        Raises:
            DataError: a cut without a label, or with one that is not among the classes.
        """

    def config(self, encoder: EncoderConfig, train: Sequence[Cut]) -> TaskConfig:
        """Config of a model with this task's head on an encoder.

        Args:
            encoder: of the model.
            train: training data, for a head whose outputs depend on it; the model's ``labels`` name them then.

        Raises:
            DataError: training data that such a task cannot learn from.
        """

    def with_loss(self, changes: Mapping[str, Any]) -> Task:
        """This task with other options of its loss."""

    def objective(self, model: TaskNetwork, labels: Sequence[str]) -> Objective:
        """The loss over these classes."""

    def distillation_loss(self, student: TaskNetwork, teacher: TaskNetwork, temperature: float) -> DistillationLoss:
        """What it costs outputs to differ from those of a teacher for the same task.

        Raises:
            DistillationError: a temperature, where outputs are no classes.
        """

    def calibrate(self, model: TaskNetwork, train: Sequence[Cut]) -> None:
        """Fit on training data what evaluation needs besides weights."""

    def check(self, test: EvaluationData) -> None:
        """Look at test data before anything is trained, without hearing it: whatever would keep `evaluate` from scoring.

        Raises:
            DataError: data that cannot be scored.
        """

    def evaluate(self, model: TaskNetwork, test: EvaluationData) -> dict[str, Any]:
        """Every metric of the task, with intervals, and its ``protocol`` in words.

        Raises:
            DataError: data that cannot be scored.
        """

    def set_threshold(self, model: TaskNetwork, numbers: Mapping[str, Any]) -> None:
        """Take from an evaluation on development data what decisions need (a threshold)."""

    def summary(self, numbers: Mapping[str, Any]) -> str:
        """The result of an evaluation in a few words."""


def interval_fields(name: str, interval: Interval) -> dict[str, Any]:
    """A metric with its interval, as the results of an evaluation keep it."""
    bounds = {"low": interval.low, "high": interval.high, "level": interval.level, "speakers": interval.speakers}
    return {name: interval.value, f"{name}_interval": bounds}

"""The interface of a task: its head, loss and metric. The training loop uses nothing else of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from torch import Tensor, nn

from ..data.batches.batches import Batch
from ..data.batches.targets import Targets
from ..distillation.logits import DistillationLoss
from ..encoder.config import EncoderConfig
from ..metrics.intervals import Interval
from ..models.task_config import TaskConfig
from ..models.task_network import TaskNetwork, TaskOutput
from ..options import Options
from ..text.plain_data import PlainData, number_in

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from ..metrics.detection.trials import Trials


class Objective(nn.Module, ABC):
    """The loss of a task. It may have weights of its own, which are not part of the model.

    Args:
        labels: names of the classes, in the order of the class numbers in batches.
    """

    def __init__(self, labels: Sequence[str]):
        super().__init__()
        self.labels = list(labels)

    def begin(self, step: int) -> None:
        """Called before each forward pass with the number of the optimizer step."""

    def load_matching(self, labels: Sequence[str], weights: Mapping[str, Tensor]) -> int:
        """Load the weights of an objective over other ``labels``. Returns the number of own labels whose weights were found.

        By default nothing is loaded if the labels differ.
        """
        if list(labels) != self.labels:
            return 0
        self.load_state_dict(weights)
        return len(self.labels)

    def of(self, output: TaskOutput, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss for the output of a model on a batch, and values to log."""
        assert output.output is not None
        return self(output.output, batch | {"frames": output.output_lengths})

    @abstractmethod
    def forward(self, output: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and values to log.

        Args:
            output: output of the model.
            batch: the batch, with ``frames`` ``[B]``: the number of valid frames of each output.
        """


@dataclass(frozen=True)
class EvaluationData:
    """Data that a model is evaluated on.

    Args:
        cuts: the utterances.
        trials: pairs of utterances, for a task that is scored on trials.
    """

    cuts: Sequence[Cut]
    trials: Trials | None = None


class Task(Protocol):
    """One task with its options. A task is one file with such a class, and one line in `TASKS`; in another package, one
    entry point of the group ``sottovoce.tasks``."""

    metric: str
    """Key of the metric, in the results of `evaluate`, by which models are chosen."""

    better: Literal["lower", "higher"]
    """Whether lower or higher values of the metric are better."""

    scored_on_trials: bool
    """Whether test data must have trials."""

    min_speakers: int
    """Minimum number of training speakers for a task that is scored on trials; others can be held out for development."""

    whole_utterances: bool
    """Whether training needs whole utterances, because labels apply to a whole utterance and not to a crop."""

    @property
    def loss(self) -> Options:
        """Options of the loss."""

    def labels(self, cuts: Sequence[Cut]) -> list[str]:
        """Names of the classes in the training data, in the order of the class numbers in batches.

        Raises:
            DataError: data that the task cannot learn from.
        """

    def targets(self, cuts: Sequence[Cut], labels: Sequence[str]) -> Targets:
        """The targets that batches of these cuts carry for an objective over these classes.

        Raises:
            DataError: a cut without a label, or with one that is not among the classes.
        """

    def config(self, encoder: EncoderConfig, train: Sequence[Cut]) -> TaskConfig:
        """Config of a model with this task's head on an encoder.

        Args:
            encoder: config of the encoder.
            train: training data, for a head whose outputs depend on it; ``labels`` of the config then name the outputs.

        Raises:
            DataError: training data that such a task cannot learn from.
        """

    def with_loss(self, changes: PlainData) -> Task:
        """A copy of this task with changed options of its loss."""

    def objective(self, model: TaskNetwork, labels: Sequence[str]) -> Objective:
        """The loss over these classes."""

    def distillation_loss(self, student: TaskNetwork, teacher: TaskNetwork, temperature: float) -> DistillationLoss:
        """The distance between the outputs of a student and of a teacher for the same task.

        Raises:
            DistillationError: a temperature for outputs that are not classes.
        """

    def calibrate(self, model: TaskNetwork, train: Sequence[Cut]) -> None:
        """Fit whatever evaluation needs besides weights, such as a mean embedding, on training data."""

    def check(self, test: EvaluationData) -> None:
        """Check before any training, and without reading audio, that `evaluate` can score this test data.

        Raises:
            DataError: data that cannot be scored.
        """

    def evaluate(self, model: TaskNetwork, test: EvaluationData) -> dict[str, object]:
        """Every metric of the task with confidence intervals, and the scoring ``protocol`` in words.

        Raises:
            DataError: data that cannot be scored.
        """

    def set_threshold(self, model: TaskNetwork, numbers: PlainData) -> None:
        """Set the threshold or calibration from the results of an evaluation on development data."""

    def summary(self, numbers: PlainData) -> str:
        """The result of an evaluation in a few words."""


def interval_fields(name: str, interval: Interval) -> dict[str, object]:
    """A metric with its interval, as fields of the results of an evaluation."""
    bounds = {"low": interval.low, "high": interval.high, "level": interval.level, "speakers": interval.speakers}
    return {name: interval.value, f"{name}_interval": bounds}


def rate_text(numbers: PlainData, name: str, digits: int = 2) -> str:
    """A rate in the results of an evaluation in percent, with its interval if it has one: ``5.01 % [4.20, 6.00]``."""
    text = f"{100 * number_in(numbers, name):.{digits}f} %"
    if f"{name}_interval" in numbers:
        low, high = (100 * number_in(numbers, f"{name}_interval", end) for end in ("low", "high"))
        text += f" [{low:.{digits}f}, {high:.{digits}f}]"
    return text

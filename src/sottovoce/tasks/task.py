"""What a task is: a small value that says which head, loss and metric. The training loop knows nothing else of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from torch import nn

from ..encoder.config import EncoderConfig
from ..heads.task_config import TaskConfig
from ..heads.task_model import TaskModel

if TYPE_CHECKING:
    from lhotse import CutSet

    from ..metrics.trials import Trials


class Task(Protocol):
    """One task with its options. A task is one file with such a class, and one line in `TASKS`."""

    metric: str
    """Key of the number, in what `evaluate` returns, by which models are chosen."""

    better: Literal["lower", "higher"]
    """Which direction of the metric is better."""

    def labels(self, cuts: CutSet) -> list[str]:
        """Names of the classes that training data has, in the order of the numbers that batches carry.

        Raises:
            DataError: data that the task cannot learn from.
        """

    def config(self, encoder: EncoderConfig) -> TaskConfig:
        """Config of a model with this task's head on an encoder."""

    def with_loss(self, changes: Mapping[str, Any]) -> Task:
        """This task with other options of its loss."""

    def objective(self, model: TaskModel, labels: Sequence[str]) -> nn.Module:
        """The loss: a module with ``begin(step)`` and ``(output, batch) -> loss, values to log``."""

    def calibrate(self, model: TaskModel, train: CutSet) -> None:
        """Fit on training data what evaluation needs besides weights."""

    def evaluate(self, model: TaskModel, cuts: CutSet, trials: Trials) -> dict[str, Any]:
        """Every metric of the task, with intervals."""

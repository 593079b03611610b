"""The final weights of a stage: checkpoints chosen on development data only, and averaged; and an early end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule, Trainer
from safetensors.torch import load_file
from torch import Tensor, nn

from ..encoder.evaluation_mode import evaluating
from ..errors import TrainingError
from ..files import write_tensors
from ..models.task_model import TaskModel
from .steps import StepCallback

Keep = Literal["last", "best", "up_to_best", "around_best", "after_peak"]
"""Which evaluated checkpoints are averaged, so many as there are to be, or as there are:

    last          the last ones
    best          those with the best values
    up_to_best    those that end at the best one (DiariZen after fine-tuning: `ckpt_utils.average_ckpt`)
    around_best   those in the middle of which the best one is
    after_peak    those with the best values from the worst one on (DiariZen after pruning and distilling:
                  `apply_pruning.get_checkpoints`); while the sparsity rises, so does the loss

With one checkpoint, the middle three are the same.
"""

Evaluate = Callable[[TaskModel], Mapping[str, object]]


class CheckpointSelection(StepCallback):
    """Evaluates on development data at regular steps, and stores the weights of each evaluation.

    Args:
        evaluate: model -> results, including ``metric``.
        metric: key of the result by which weights are chosen.
        lower: whether lower values of the metric are better.
        every: steps between evaluations; the last step is always evaluated.
        last: the last step.
        directory: directory of the stored weights.
        also: other trained tensors that are stored and averaged with the weights, such as those of gates, by name.
        patience: training ends after so many evaluations in a row without a better one than before; ``None``: never.
        settled: evaluations up to this step do not count for patience.
        write_metrics: called with the step and its results, named ``dev/...``.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        metric: str,
        *,
        lower: bool,
        every: int,
        last: int,
        directory: Path,
        also: Mapping[str, Tensor] = MappingProxyType({}),
        patience: int | None = None,
        settled: int = 0,
        write_metrics: Callable[[int, dict[str, float]], None] | None = None,
    ):
        super().__init__()
        self.evaluate, self.metric, self.lower = evaluate, metric, lower
        self.every, self.last = every, last
        self.directory = directory
        self.also = dict(also)
        self.patience, self.settled = patience, settled
        self.write_metrics = write_metrics
        self.evaluated: list[tuple[int, float]] = []

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        super().on_train_start(trainer, module)
        trainer.should_stop |= self.exhausted  # of a stage that was stopped after its last evaluation

    def on_step(self, trainer: Trainer, module: LightningModule, step: int) -> None:
        if step % self.every and step != self.last:
            return
        model: Any = module.model
        with evaluating(model):
            numbers = {name: value for name, value in self.evaluate(model).items() if isinstance(value, int | float)}
        if trainer.is_global_zero:
            write_tensors(
                self.path(step), model.state_dict() | {name: each.detach() for name, each in self.also.items()}
            )
            if self.write_metrics is not None:
                self.write_metrics(step, {f"dev/{name}": float(value) for name, value in numbers.items()})
        module.logged[f"dev/{self.metric}"] = torch.tensor(numbers[self.metric])  # type: ignore[index, operator]
        self.evaluated.append((step, float(numbers[self.metric])))
        trainer.should_stop |= self.exhausted

    @property
    def exhausted(self) -> bool:
        """Whether so many evaluations in a row were no better than the one before them that training is to end."""
        values = [value for (step, _), value in zip(self.evaluated, self._losses(), strict=True) if step > self.settled]
        return self.patience is not None and len(values) - 1 - _first_least(values) >= self.patience

    def _losses(self) -> list[float]:
        """The evaluated values, so that lower ones are better; infinity for those that are not numbers."""
        return [math.inf if math.isnan(value) else value if self.lower else -value for _, value in self.evaluated]

    def path(self, step: int) -> Path:
        return self.directory / f"weights-{step:08d}.safetensors"

    def state_dict(self) -> dict[str, object]:
        return {"evaluated": [list(each) for each in self.evaluated]}

    def load_state_dict(self, state: Mapping[str, Sequence[tuple[int, float]]]) -> None:
        self.evaluated = [(int(step), float(value)) for step, value in state["evaluated"]]

    def chosen(self, keep: Keep, average: int) -> list[int]:
        """The steps whose weights are averaged, see `Keep`."""
        return [self.evaluated[place][0] for place in chosen_places(self._losses(), keep, average)]

    def finish(self, model: nn.Module, keep: Keep, average: int) -> list[int]:
        """Load the average of the chosen weights into the model, and that of the other tensors. Returns their steps."""
        steps = self.chosen(keep, average)
        means = averaged([load_file(self.path(step)) for step in steps])
        for name, tensor in self.also.items():
            tensor.data.copy_(means.pop(name))
        model.load_state_dict(means)
        return steps


def chosen_places(losses: Sequence[float], keep: Keep, average: int) -> list[int]:
    """The places of the evaluations whose weights are averaged, ascending.

    Args:
        losses: value of each evaluation; the lower, the better; infinite where there is none.
        keep: which are taken, see `Keep`.
        average: how many.

    >>> losses = [1.0, 5.0, 4.0, 2.0, 3.0]
    >>> [chosen_places(losses, keep, 2) for keep in ("last", "best", "up_to_best", "around_best", "after_peak")]
    [[3, 4], [0, 3], [0], [0, 1], [3, 4]]
    """
    places = list(range(len(losses)))
    if keep == "last":
        return places[-average:]
    # What could not be evaluated is neither the peak nor good, and stays out of the mean where anything else is there.
    known = [place for place in places if math.isfinite(losses[place])]
    if keep in ("best", "after_peak"):
        peak = max(known, key=lambda place: losses[place], default=0) if keep == "after_peak" else 0
        chosen = sorted(sorted(places[peak:], key=lambda place: losses[place])[:average])
    else:
        best = _first_least(losses)
        first = best - average + 1 if keep == "up_to_best" else min(best - (average - 1) // 2, len(losses) - average)
        end = best + 1 if keep == "up_to_best" else max(first, 0) + average
        chosen = places[max(first, 0) : end]
    return [place for place in chosen if place in known] or chosen


def _first_least(values: Sequence[float]) -> int:
    """The place of the smallest value, and of the first of several; -1 if there are none."""
    return min(range(len(values)), key=lambda place: values[place], default=-1)


def averaged(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several models' tensors.

    Raises:
        TrainingError: the models differ in structure, so they cannot be averaged.
    """
    first = states[0]
    for other in states[1:]:
        for name in {*first, *other}:
            a, b = (tuple(s[name].shape) if name in s else None for s in (first, other))
            if a != b:
                raise TrainingError(
                    f"average: {name} is {a} in one model and {b} in another; average equal shapes only"
                )
    if len(states) == 1:
        return dict(first)
    return {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in first.items()
    }

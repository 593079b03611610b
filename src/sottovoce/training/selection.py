"""The final weights of a stage: checkpoints chosen on development data only, and averaged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from safetensors.torch import load_file
from torch import Tensor, nn

from ..encoder.evaluation_mode import evaluating
from ..errors import TrainingError
from ..files import write_tensors
from .steps import StepCallback

Evaluate = Callable[[Any], Mapping[str, Any]]


class CheckpointSelection(StepCallback):
    """Evaluates on development data at regular steps, and stores the weights of each evaluation.

    Args:
        evaluate: model -> results, including ``metric``.
        metric: key of the result by which weights are chosen.
        lower: whether lower values of the metric are better.
        every: steps between evaluations; the last step is always evaluated.
        last: the last step.
        directory: directory of the stored weights.
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
        write_metrics: Callable[[int, dict[str, float]], None] | None = None,
    ):
        super().__init__()
        self.evaluate, self.metric, self.lower = evaluate, metric, lower
        self.every, self.last = every, last
        self.directory = directory
        self.write_metrics = write_metrics
        self.evaluated: list[tuple[int, float]] = []

    def on_step(self, trainer: Trainer, module: LightningModule, step: int) -> None:
        if step % self.every and step != self.last:
            return
        model: Any = module.model
        with evaluating(model):
            numbers = {name: value for name, value in self.evaluate(model).items() if isinstance(value, int | float)}
        if trainer.is_global_zero:
            write_tensors(self.path(step), model.state_dict())
            if self.write_metrics is not None:
                self.write_metrics(step, {f"dev/{name}": float(value) for name, value in numbers.items()})
        module.logged[f"dev/{self.metric}"] = torch.tensor(numbers[self.metric])  # type: ignore[index, operator]
        self.evaluated.append((step, float(numbers[self.metric])))

    def path(self, step: int) -> Path:
        return self.directory / f"weights-{step:08d}.safetensors"

    def state_dict(self) -> dict[str, Any]:
        return {"evaluated": [list(each) for each in self.evaluated]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.evaluated = [(int(step), float(value)) for step, value in state["evaluated"]]

    def chosen(self, keep: str, average: int) -> list[int]:
        """The steps whose weights are averaged: the last ``average`` evaluated ones, or as many around the best."""
        steps = [step for step, _ in self.evaluated]
        if keep == "last":
            return steps[-average:]
        values = [math.inf if math.isnan(value) else value if self.lower else -value for _, value in self.evaluated]
        best = min(range(len(values)), key=lambda k: values[k])
        first = min(max(best - (average - 1) // 2, 0), max(len(steps) - average, 0))
        return steps[first : first + average]

    def finish(self, model: nn.Module, keep: str, average: int) -> list[int]:
        """Load the average of the chosen weights into the model. Returns their steps."""
        steps = self.chosen(keep, average)
        model.load_state_dict(averaged([load_file(self.path(step)) for step in steps]))
        return steps


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

"""When a training stage ends, and which weights it ends with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ...options import Options
from ...training.selection import Keep
from ..amounts import MOST_STEPS


class SelectionOptions(Options):
    """Evaluations on ``data.dev`` while a stage trains, by which its weights are chosen and it may end early.

    Args:
        evaluate_every: steps between evaluations; 0 for none.
        selected_by: what is evaluated: the task's ``metric``, or the ``loss`` of the stage itself without random gates and
            dropout, as for a stage that imitates and does not train the head.
        keep: the weights that the stage ends with, see `sottovoce.training.selection.Keep`: ``last``, ``best``,
            ``up_to_best``, ``around_best`` or ``after_peak``.
        average: number of evaluated checkpoints that are averaged.
        patience: end the stage after so many evaluations in a row without a better one; ``null``: never. While a ramp
            rises, evaluations do not count.
    """

    evaluate_every: int = Field(0, ge=0, le=MOST_STEPS)
    selected_by: Literal["metric", "loss"] = "metric"
    keep: Keep = "last"
    average: int = Field(1, ge=1)
    patience: int | None = Field(None, ge=1, le=MOST_STEPS)

    @property
    def evaluates_during_training(self) -> bool:
        """Whether there are evaluations."""
        return self.evaluate_every > 0

    @model_validator(mode="after")
    def _chosen_from_something(self) -> SelectionOptions:
        if not self.evaluate_every and (self.keep != "last" or self.average > 1 or self.patience is not None):
            raise ValueError("keep, average and patience need evaluations on data.dev; set evaluate_every")
        return self

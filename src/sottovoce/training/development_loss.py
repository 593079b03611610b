"""The loss of a stage on development data, without anything random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..data.batches.windows import WindowBatches
from ..encoder.evaluation_mode import evaluating
from ..models.task_model import TaskModel
from .terms import Term, weighted_sum


class DevelopmentLoss:
    """The weighted sum of a stage's terms over development data, in evaluation mode: deterministic gates, no dropout.

    A budget's penalty is part of it, with the target of the last step, as in the validation loss of DiariZen by which its
    checkpoints are chosen.

    Args:
        batches: the development data, with labels if a term needs them.
        terms: terms of the loss.
    """

    def __init__(self, batches: WindowBatches, terms: Sequence[Term]):
        self.batches, self.terms = batches, list(terms)

    @torch.no_grad()
    def __call__(self, model: TaskModel) -> dict[str, float]:
        """The mean over all windows of ``loss``, and of its parts by name."""
        device = next(model.parameters()).device
        sums: dict[str, float] = {}
        count = 0
        with evaluating(model, *self.terms):
            for index in range(len(self.batches)):
                found = self.batches[index].items()
                batch: Any = {name: each.to(device) if isinstance(each, Tensor) else each for name, each in found}
                size = len(batch["ids"])
                _, values = weighted_sum(self.terms, model, batch, model(batch["waveform"], batch["lengths"]))
                count += size
                for name, value in values.items():
                    if name == "loss" or name.startswith("loss/"):
                        sums[name] = sums.get(name, 0.0) + size * float(value)
        return {name: total / count for name, total in sums.items()}

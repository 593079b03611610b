"""Write linear maps as products of two: the same function, whose ranks a later stage can prune. Trains nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import nn

from ...data.batches.batches import Batch
from ...encoder.loading.uninitialized import without_memory
from ...errors import PlanError, RecipeError
from ...models.task_model import TaskModel
from ...pruning.budget import Budget
from ...pruning.low_rank import LINEARS, chosen_linears, factored_shape, factorize, input_moments
from ...recipe.network_forecast import NetworkForecast
from ...recipe.stage_options import StageOptions
from .context import StageContext, StageResult

HEAD = "head."
"""Prefix of patterns for the head."""


class Factorize(StageOptions):
    """Low-rank factorization of linear maps from their singular values (2502.05837).

    Args:
        linears: patterns of module paths in the encoder (``layers.*.feed_forward.up``), or in the head (``head.joiner.*``);
            default: every matrix of the encoder's layers.
        ranks: fraction of the ranks that is kept; ``null`` for all, which leaves the choice to a ``prune`` stage with
            ``kinds: [rank]``.
        weighted: what the factorization approximates: the ``weights``, or the outputs for the ``inputs`` in training data.
        batches: training batches from which the inputs are taken.
    """

    on_card: ClassVar[tuple[str, ...]] = ("ranks",)

    linears: list[str] = Field(list(LINEARS), min_length=1)
    ranks: float | None = Field(None, gt=0, le=1)
    weighted: Literal["weights", "inputs"] = "weights"
    batches: int = Field(8, ge=1)
    evaluate: bool = False

    def check(self, model: TaskModel) -> Iterator[str]:
        try:
            self.paths(model)
        except PlanError as error:
            yield str(error)

    def paths(self, model: TaskModel) -> list[str]:
        """The chosen linear maps of a model."""
        of_head = [pattern for pattern in self.linears if pattern.startswith(HEAD)]
        of_encoder = [pattern for pattern in self.linears if pattern not in of_head]
        paths = [f"encoder.{path}" for path in chosen_linears(model.encoder, of_encoder)] if of_encoder else []
        return paths + (chosen_linears(model, of_head) if of_head else [])

    def after(self, before: NetworkForecast, budget: Budget | None) -> NetworkForecast:
        fitting = [variant for variant in before.variants if not list(self.check(variant))]
        with without_memory():
            factored = tuple(
                variant.shrunk(factored_shape(variant, self.paths(variant), self.ranks)) for variant in fitting
            )
        return replace(before, variants=factored or before.variants)

    def run(self, at: StageContext) -> StageResult:
        model = at.start_model(self).eval()
        objective = at.start_objective(self, model)
        paths = self.paths(model)
        moments = None
        if self.weighted == "inputs":

            def forward(_: nn.Module, batch: Batch) -> None:
                output = model(batch["waveform"], batch["lengths"])
                if objective is not None:  # parts of a head are used in the loss alone
                    objective.of(output, batch)

            with torch.no_grad():
                moments = input_moments(model, at.sample_batches(self.batches, objective), forward, paths)
            if unused := [path for path in paths if path not in moments]:
                raise RecipeError(
                    f"stage {at.name}: weighted: inputs: {unused[0]} is not called in training, so its inputs are not known; "
                    "leave it out, or take weighted: weights"
                )
        factored = factorize(model, paths, ranks=self.ranks, moments=moments)
        at.report(
            f"{len(paths)} linear maps in factors" + (f", {100 * self.ranks:g} % of their ranks" if self.ranks else "")
        )
        return StageResult(factored, objective, {"linears": len(paths)})

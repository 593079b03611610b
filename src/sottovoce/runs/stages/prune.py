"""Learned pruning: a Lagrangian drives gates to the budget while the weights adapt. The stage ends with a slim model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from ...models.task_model import TaskModel
from ...options import Options
from ...pruning.gating.ramps import RAMPS
from ...pruning.planning.plans import choose
from ...pruning.pruner import Pruner
from ...recipe.amounts import MOST_STEPS
from ...recipe.distillation_options import DistillationOptions
from ...recipe.shrinking_options import SlimmingOptions
from ...recipe.training.training_stage_options import TrainingStageOptions
from ...training.terms import BudgetTerm, Term
from .context import StageContext, StageResult
from .plan_execution import carry_out_plan
from .terms import distillation_term, task_term
from .training import train


class RampOptions(Options):
    """How the target sparsity rises from the sparsity measured at the start to the budget.

    Args:
        form: linear, cosine, quadratic_slow_start, quadratic_fast_start or sigmoid; see `sottovoce.pruning.gating.ramps`.
        steps: number of steps until the budget is reached; default: 60 % of the stage.
    """

    form: Literal[tuple(RAMPS)] = "linear"  # type: ignore[valid-type]
    steps: int | None = Field(None, ge=1, le=MOST_STEPS)


class GateOptions(Options):
    """How gates learn.

    Args:
        lr: learning rate of the gates; default: such that they can close within half of the ramp (at the published
            0.02 that takes 500 steps), and 0.02 at least.
        multiplier_lr: of the Lagrange multipliers; default: the same.
        start: initial ``log_alpha`` of every gate; at 5, 99.9 % are open.
    """

    lr: float | None = Field(None, gt=0)
    multiplier_lr: float | None = Field(None, gt=0)
    start: float = Field(5.0, ge=2, le=100)


class Prune(SlimmingOptions, TrainingStageOptions):
    """Pruning with gates and a Lagrangian, by distillation from a teacher, the task's loss, or both; then slimming.

    Args:
        distillation: the teacher, and which of its states and outputs are distilled; ``null`` for no distillation.
        task: weight of the task's loss; default: 0 with distillation, 1 without. The head is trained by this loss, and by
            distillation of logits.
        ramp, gates: see `RampOptions` and `GateOptions`.
    """

    on_card: ClassVar[tuple[str, ...]] = ("steps", "budget", "task", "loss")

    distillation: DistillationOptions | None = None
    task: float | None = Field(None, ge=0)
    ramp: RampOptions = RampOptions()
    gates: GateOptions = GateOptions()

    @model_validator(mode="after")
    def _learns_something(self) -> Prune:
        if self.distillation is None and self.task == 0:
            raise ValueError(
                "there is no distillation and the weight of the task loss is 0, so nothing is trained;"
                " give one of the two"
            )
        return self

    @property
    def task_weight(self) -> float:
        return self.task if self.task is not None else float(self.distillation is None)

    @property
    def trains_head(self) -> bool:
        return bool(self.task_weight or (self.distillation and self.distillation.logits))

    @property
    def imitates(self) -> DistillationOptions | None:
        return self.distillation

    @property
    def ramp_steps(self) -> int:
        return self.ramp.steps or max(round(0.6 * self.steps), 1)

    def problems(self, before: list[str], has_budget: bool) -> Iterator[str]:
        yield from self.budget_problems(has_budget)
        if self.distillation is not None:
            yield from self.distillation.problems(before)
        if self.scope == "model" and not self.trains_head:
            reason = "only the task's loss says which units of the head matter; give the stage task: 1.0"
            yield f"scope: {reason}, or imitate logits"
        if self.ramp.steps is not None and self.ramp.steps > self.steps:
            yield f"ramp.steps: {self.ramp.steps} is more than the stage's {self.steps} steps; the budget is never reached"

    def check(self, model: TaskModel) -> Iterator[str]:
        yield from super().check(model)
        if self.distillation is not None:
            yield from self.distillation.check(model)
        yield from self.unit_problems(model)

    def run(self, at: StageContext) -> StageResult:
        model = at.start_model(self)
        part, budget = self.shrinking_part(model), at.budget(self)
        pruner = Pruner(
            part,
            budget,
            steps=self.ramp_steps,
            kinds=self.kinds,
            ramp=RAMPS[self.ramp.form],
            start=self.gates.start,
            lr=self.gates.lr,
            multiplier_lr=self.gates.multiplier_lr,
        )
        gates = pruner.gates
        at.report(f"gates: {gates.log_alpha.numel()} on {len(gates.names)} units, learning rate {pruner.lr:g}")
        terms: list[Term] = [BudgetTerm(pruner, seed=at.seed, stage=at.name)]
        if self.distillation is not None:
            terms.append(distillation_term(at, self, model, self.distillation))
        task = task_term(at, self, model, self.task_weight) if self.task_weight else None
        if task is not None:
            terms.append(task)
        model.head.requires_grad_(self.trains_head)
        chosen = train(at, self, model, terms, gates, settled=self.ramp_steps)
        reached = pruner.sparsity()
        if any(reached[each.name] < each.sparsity / 2 for each in pruner.constraints):
            at.report("the steps were too few to close the gates; what is removed is chosen by their scores")
        terms.clear()  # slimming a large network needs the memory of its teacher
        model.head.requires_grad_(True)

        results: dict[str, Any] = {
            "gate_lr": pruner.lr,
            "expected_sparsity": reached,
            "target_sparsity": {each.name: each.sparsity for each in pruner.constraints},
        }
        frozen = pruner.finish(choose(part, budget, gates.scores(), **self.rounding()))
        small, proof = carry_out_plan(at, model, part, frozen)
        objective = task.objective if task else at.start_objective(self, model)
        return StageResult(small, objective, results | chosen | proof)

"""Learned pruning for any training loop: gates, a budget that they are driven to, and the plan that follows from them."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from ..encoder.unit_kinds import GATED
from .budget import Budget
from .costs import CostModel, reference_cost
from .gating.gates import Gates
from .gating.lagrangian import Lagrangian, expected_widths, gate_learning_rate
from .gating.ramps import Ramp, linear
from .planning.plans import Plan, plan


class Pruner(nn.Module):
    """Everything that learned pruning adds to a training loop.

        pruner = Pruner(encoder, Budget(params=0.2), steps=1000)
        optimizer = AdamW([{"params": encoder.parameters(), "lr": 1e-4}, *pruner.parameter_groups()])
        for step, batch in enumerate(batches):
            pruner.begin(step)
            loss = task_loss(encoder(batch)) + pruner.penalty()[0]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        small = slim(encoder, pruner.finish())

    Its state (`state_dict`) is that of the gates and of the multipliers; the network is not part of it.

    Args:
        model: the network to prune: an encoder, a task model, or any module whose parts declare units.
        budget: what the network may cost in the end.
        steps: optimizer steps until the target has risen to the budget. Train on for some time after that, so that the weights
            can follow.
        kinds: the kinds of unit that get gates.
        ramp: how the target rises.
        start: initial ``log_alpha`` of every gate, see `Gates`.
        lr: learning rate of the gates; by default one at which they can close within half of the ramp.
        multiplier_lr: learning rate of the Lagrange multipliers; by default that of the gates.

    Raises:
        PlanError: the network has no unit of these kinds.
        BudgetError: the budget names a part that the network does not have.
    """

    def __init__(
        self,
        model: nn.Module,
        budget: Budget,
        *,
        steps: int,
        kinds: Iterable[str] = GATED,
        ramp: Ramp = linear,
        start: float = 5.0,
        lr: float | None = None,
        multiplier_lr: float | None = None,
    ):
        super().__init__()
        self.budget = budget
        self.gates = Gates(model, kinds, start=start)
        self.costs = CostModel(model, budget.seconds)
        reference = reference_cost(model, budget.seconds, budget.reference)
        self.constraints = budget.constraints(self.costs, reference)
        self.lagrangian = Lagrangian(self.constraints, self.widths(), steps=steps, ramp=ramp)
        self.lr = lr or gate_learning_rate(steps, start)
        self.multiplier_lr = multiplier_lr or self.lr
        self._step = 0

    @property
    def model(self) -> nn.Module:
        """The network that is pruned."""
        return self.gates.model

    def parameter_groups(self) -> list[dict[str, object]]:
        """Optimizer groups of gates and multipliers, without weight decay. A scheduler must not change their learning rates."""
        gates = {"name": "gates", "params": [self.gates.log_alpha], "lr": self.lr, "weight_decay": 0.0}
        return [gates, self.lagrangian.group(self.multiplier_lr)]

    def begin(self, step: int, seed: int | None = None) -> None:
        """Draw the gates of an optimizer step. All forward passes until the next call see the same draw.

        Args:
            step: number of the optimizer step, from 0.
            seed: seed of the draw; by default the number of the step.
        """
        self._step = step
        self.gates.sample(step if seed is None else seed)

    def widths(self) -> Tensor:
        """Expected widths ``[U]`` of all units, in the order of ``costs.names``; differentiable in the gates."""
        return expected_widths(self.costs, self.gates)

    def penalty(self) -> tuple[Tensor, dict[str, Tensor]]:
        """The summand of the loss that drives the cost to its target at this step, and values to log by name."""
        return self.lagrangian(self.widths(), self._step)

    def sparsity(self) -> dict[str, float]:
        """Expected sparsity now, by the name of the constraint."""
        values = self.lagrangian.sparsity(self.widths()).tolist()
        return {each.name: value for each, value in zip(self.constraints, values, strict=True)}

    def finish(self, chosen: Plan | None = None) -> Plan:
        """End pruning: take the gates off the network, which is then as it was.

        Args:
            chosen: what stays; by default, the plan for the budget by the scores of the gates.

        Returns:
            The plan with the values that the gates of kept elements have learned, for `slim`.

        Raises:
            PlanError: ``chosen`` does not fit the network.
            BudgetError: the budget cannot be reached.
        """
        frozen = self.gates.freeze(chosen or plan(self.model, self.budget, self.gates.scores()))
        self.gates.detach()
        return frozen

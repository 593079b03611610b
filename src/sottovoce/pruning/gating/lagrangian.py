"""The Lagrangian that drives the expected cost of a gated network down to its budget during training.

s = 1 - E[cost] / reference           sparsity now            t        target now, on its ramp
penalty = l1 (s - t) + l2 (s - t)²    minimized in the gates, maximized in the multipliers l1 and l2
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..budget import Constraint
from ..costs import CostModel
from .gates import Gates
from .ramps import Ramp, linear, ramp_at


class Lagrangian(nn.Module):
    """The penalty of one or several constraints, each with its own multipliers.

    One constraint is treated as an equality: ``l1`` may have either sign, so that a network pruned too far grows back.
    Several constraints are upper bounds, because meeting all of them exactly may be impossible: only those whose target is
    not reached contribute to the penalty; if all are reached, only the one that is closest to its target does.

    Args:
        constraints: the limits, from `Budget.constraints`.
        widths: ``[U]`` expected widths of all units before the first step. The ramp starts at their sparsity.
        steps: length of the ramp in optimizer steps.
        ramp: the form of the ramp.

    Raises:
        ValueError: there is no constraint.
    """

    start: Tensor

    def __init__(self, constraints: Sequence[Constraint], widths: Tensor, *, steps: int, ramp: Ramp = linear):
        super().__init__()
        if not constraints:
            raise ValueError("a Lagrangian needs at least one constraint")
        self.constraints = tuple(constraints)
        self.steps = steps
        self.ramp = ramp
        self.l1 = nn.Parameter(torch.zeros(len(constraints), device=widths.device))
        self.l2 = nn.Parameter(torch.zeros(len(constraints), device=widths.device))
        # Part of the state: a resumed run must have the same start, not the sparsity that the gates have by then.
        self.register_buffer("start", self.sparsity(widths.detach()))

    def sparsity(self, widths: Tensor) -> Tensor:
        """Sparsity of every constraint ``[N]`` at expected ``widths[U]`` of all units."""
        return torch.stack([1 - each.measure(widths) / each.reference for each in self.constraints]).float()

    def target(self, step: int) -> Tensor:
        """Target sparsity of every constraint ``[N]`` at ``step``."""
        ends = [max(each.sparsity, float(start)) for each, start in zip(self.constraints, self.start, strict=True)]
        now = [ramp_at(self.ramp, step, self.steps, float(a), b) for a, b in zip(self.start, ends, strict=True)]
        return torch.tensor(now, device=self.start.device)

    def forward(self, widths: Tensor, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The penalty at ``step``, and sparsity, target and multipliers of each constraint, to be logged.

        Args:
            widths: ``[U]`` expected widths of all units.
            step: number of the optimizer step.
        """
        sparsity, target = self.sparsity(widths), self.target(step)
        gap = sparsity - target
        active = (gap < 0) | (torch.arange(len(self.constraints), device=gap.device) == gap.argmin())
        gap = gap * active
        loss = (self.l1 * gap + self.l2 * gap.square()).sum()
        values: dict[str, Tensor] = {}
        for k, each in enumerate(self.constraints):
            values |= {f"sparsity/{each.name}": sparsity[k].detach(), f"target/{each.name}": target[k]}
            values |= {f"l1/{each.name}": self.l1[k].detach().clone(), f"l2/{each.name}": self.l2[k].detach().clone()}
        return loss, values

    def group(self, lr: float) -> dict[str, object]:
        """Optimizer group of the multipliers: gradient *ascent*, without weight decay."""
        return {"name": "multipliers", "params": [self.l1, self.l2], "lr": lr, "weight_decay": 0.0, "maximize": True}


def expected_widths(costs: CostModel, gates: Gates) -> Tensor:
    """Widths ``[U]`` of all units, in the order of ``costs.names``: expected ones of gated units, full ones of others."""
    gated = gates.widths()
    place = torch.tensor([costs.index[name] for name in gates.names], device=gated.device)
    return costs.full().to(gated).index_copy(0, place, gated)


def gate_learning_rate(steps: int, start: float = 5.0) -> float:
    """A learning rate at which gates can close within half of a ramp of ``steps``.

    Adam moves a parameter by at most about its learning rate a step, and a gate that starts at a ``log_alpha`` of 5 has to
    move by about 10 to close. At the published rate of 0.02 this takes 500 steps, which is too slow for a ramp of 200.

    >>> gate_learning_rate(200), gate_learning_rate(200, start=8.0), gate_learning_rate(10_000)
    (0.1, 0.13, 0.02)
    """
    return max(0.02, (start + 5.0) / max(0.5 * steps, 1.0))

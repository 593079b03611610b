"""The Lagrangian that drives the expected cost of a gated network down to its budget while it learns.

    s = 1 - E[cost] / reference        sparsity now            t        target now, on its ramp
    loss = l1 (s - t) + l2 (s - t)²    minimised in the gates, maximised in the multipliers l1 and l2
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .ramps import Ramp, linear, ramp_at


@dataclass(frozen=True)
class SparsityTarget:
    """One cost that is to come down.

    Args:
        name: in logs: ``params``, ``macs``, ``frontend.macs``.
        cost: expected cost as a differentiable function of the expected widths ``[U]``.
        reference: the cost that sparsity 0 stands for.
        sparsity: fraction of the reference that is to be removed at the end of the ramp.
    """

    name: str
    cost: Callable[[Tensor], Tensor]
    reference: float
    sparsity: float

    def sparsity_at(self, widths: Tensor) -> Tensor:
        return 1 - self.cost(widths) / self.reference


class Constraint(nn.Module):
    """One or several sparsity targets, each with its own multipliers.

    With one target it is an equality: ``l1`` is free in sign, so that a network pruned too far is pulled back. With
    several, a target that is already exceeded is left alone as long as another one is not: only those that lack
    sparsity act, and of targets that are all exceeded the nearest (they are upper bounds on cost, and meeting all of
    them exactly may be impossible).

    Args:
        targets: what is to come down.
        widths: ``[U]`` expected widths before the first step: the ramp starts at the sparsity they have.
        steps: length of the ramp in optimiser steps.
        ramp: its form.

    Raises:
        ValueError: no target.
    """

    start: Tensor

    def __init__(self, targets: Sequence[SparsityTarget], widths: Tensor, *, steps: int, ramp: Ramp = linear):
        super().__init__()
        if not targets:
            raise ValueError("a constraint needs at least one target")
        self.targets = tuple(targets)
        self.steps = steps
        self.ramp = ramp
        self.l1 = nn.Parameter(torch.zeros(len(targets), device=widths.device))
        self.l2 = nn.Parameter(torch.zeros(len(targets), device=widths.device))
        # Kept in the state: a resumed run must go on from the same start, not from where the gates are by then.
        self.register_buffer("start", self.sparsity(widths.detach()))

    def sparsity(self, widths: Tensor) -> Tensor:
        """Sparsity of every target ``[N]`` at expected ``widths[U]``."""
        return torch.stack([target.sparsity_at(widths) for target in self.targets]).float()

    def target(self, step: int) -> Tensor:
        """Where the ramps stand at ``step``, ``[N]``."""
        ends = [max(target.sparsity, float(start)) for target, start in zip(self.targets, self.start, strict=True)]
        now = [ramp_at(self.ramp, step, self.steps, float(a), b) for a, b in zip(self.start, ends, strict=True)]
        return torch.tensor(now, device=self.start.device)

    def forward(self, widths: Tensor, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The penalty at ``step``, and sparsity, target and multipliers by name."""
        sparsity, target = self.sparsity(widths), self.target(step)
        gap = sparsity - target
        acts = (gap < 0) | (torch.arange(len(self.targets), device=gap.device) == gap.argmin())
        gap = gap * acts
        loss = (self.l1 * gap + self.l2 * gap.square()).sum()
        seen: dict[str, Tensor] = {}
        for k, each in enumerate(self.targets):
            seen |= {f"sparsity/{each.name}": sparsity[k].detach(), f"target/{each.name}": target[k]}
            seen |= {f"l1/{each.name}": self.l1[k].detach().clone(), f"l2/{each.name}": self.l2[k].detach().clone()}
        return loss, seen

    def gate_group(self, gates: nn.Module, lr: float) -> dict[str, Any]:
        """Optimiser group of the gates: a learning rate of their own and no weight decay."""
        return {"name": "gates", "params": list(gates.parameters()), "lr": lr, "weight_decay": 0.0}

    def multiplier_group(self, lr: float) -> dict[str, Any]:
        """Optimiser group of the multipliers: gradient *ascent*, no weight decay, no bound on either sign."""
        return {"name": "multipliers", "params": [self.l1, self.l2], "lr": lr, "weight_decay": 0.0, "maximize": True}


def gate_learning_rate(steps: int, *, travel: float = 10.0, share: float = 0.5, least: float = 0.02) -> float:
    """A learning rate at which gates can close within a ramp of ``steps``.

    Adam moves a parameter by at most about its learning rate a step. A gate that starts at ``log_alpha`` 5 has some 10
    to go until it is shut, and should manage in ``share`` of the ramp. The published 0.02 needs 500 steps for that: fine
    for ramps of thousands, useless for one of 200.

    >>> gate_learning_rate(200), gate_learning_rate(10_000)
    (0.1, 0.02)
    """
    return max(least, travel / max(share * steps, 1.0))

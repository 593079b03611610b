"""Hard-concrete gates (Louizos et al. 2018) on the units of a network, which learn what can be removed.

    u ~ U(0, 1)     s = sigmoid((log u - log(1 - u) + log_alpha) / beta)     z = clamp(s (zeta - gamma) + gamma, 0, 1)

with beta 2/3, gamma -0.1, zeta 1.1, so that P(z > 0) = sigmoid(log_alpha - beta log(-gamma / zeta)).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ...encoder.unit_kinds import GATED
from ...encoder.units import Unit, collect
from ...errors import PlanError
from ..planning.plans import Plan
from ..planning.scores import Scores
from .gate_hooks import GateHooks, Values

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1


class Gates(nn.Module):
    """One gate for every element of the chosen units, attached to ``model`` from outside.

        gates = Gates(encoder)                       # nearly open
        gates.sample(seed)                           # once a step: all forward passes until the next call see this draw
        loss = task(encoder(x)) + constraint(gates.widths())
        ...
        small_plan = gates.freeze(plan(encoder, budget, gates.scores()))
        small = slim(encoder, small_plan)

    In training mode the network is multiplied by the sampled gates, in evaluation mode by their deterministic values. A
    sample depends on the seed alone, so that all ranks have the same gates and a resumed run repeats them. `Pruner` adds
    the budget and the multipliers.

    Args:
        model: the network (encoder, task model, or any module whose parts declare units).
        kinds: the kinds of unit that get gates.
        start: initial ``log_alpha``. At 5, 99.86 % of all gates are open.

    Raises:
        PlanError: the network has no unit of these kinds.
    """

    def __init__(self, model: nn.Module, kinds: Iterable[str] = GATED, *, start: float = 5.0):
        super().__init__()
        self.kinds = tuple(kinds)
        declared = collect(model).units
        self.gated: dict[str, Unit] = {n: u for n, u in declared.items() if u.kind in self.kinds and u.size}
        if not self.gated:
            known = sorted({u.kind for u in declared.values()})
            raise PlanError(f"no unit of kind {', '.join(self.kinds)}; this network has {', '.join(known) or 'none'}")
        self.sizes = [u.size for u in self.gated.values()]
        device = next(model.parameters()).device
        self.log_alpha = nn.Parameter(torch.full((sum(self.sizes),), float(start), device=device))
        self._all_units = declared
        self._model = [model]  # in a list: the network is not a part of its gates
        self._noise: Tensor | None = None
        self._frozen: Values | None = None
        self._now: Values = {}
        self._attachment: GateHooks | None = None
        self._handles: list[Any] = []
        self._attach()

    # --- what the training loop uses ---

    @property
    def model(self) -> nn.Module:
        """The gated network."""
        return self._model[0]

    @property
    def names(self) -> list[str]:
        """Names of the units with gates, in the order of `widths`."""
        return list(self.gated)

    def sample(self, seed: int) -> None:
        """Draw the gates of a step. All forward passes until the next call see the same draw."""
        generator = torch.Generator().manual_seed(seed)
        u = torch.rand(self.log_alpha.numel(), generator=generator).clamp(1e-6, 1 - 1e-6)
        self._noise = (u.log() - (1 - u).log()).to(self.log_alpha.device)

    def open_probability(self) -> Values:
        """P(z > 0) of every element ``[size]``. An element of an ordered unit is kept only if all elements after it are."""
        return self._by_unit(torch.sigmoid(self.log_alpha - BETA * math.log(-GAMMA / ZETA)))

    def widths(self) -> Tensor:
        """Expected number of kept elements of every gated unit ``[U]``, in the order of `names`; differentiable."""
        return torch.stack([p.sum() for p in self.open_probability().values()])

    def deterministic(self) -> Values:
        """The value of each gate without noise ``[size]``, by unit."""
        return self._by_unit(_stretched(torch.sigmoid(self.log_alpha)))

    def scores(self) -> Scores:
        """The logit of each gate as a score. Training has already weighed the elements against what they cost."""
        opened = {n: p.detach() for n, p in self._by_unit(torch.sigmoid(self.log_alpha.double())).items()}
        return Scores({n: torch.logit(p, eps=1e-15) for n, p in opened.items()}, per_cost=False)

    def freeze(self, plan: Plan) -> Plan:
        """Fix every gate by a plan: 0 for a removed element, else its deterministic value (1 where that is 0).

        Args:
            plan: what stays.

        Returns:
            The plan with the values of the gates of kept elements, for `slim`.

        Raises:
            PlanError: the plan does not fit the network.
        """
        plan.validate(self.model)
        learned = self.deterministic()
        values: dict[str, list[float]] = {}
        for name, kept in plan.keep.items():
            if name in learned:
                at = learned[name].detach().double()[list(kept)]
                values[name] = torch.where(at == 0, 1.0, at).tolist()
        frozen = plan.with_values(values)
        self.detach()
        self._frozen = frozen_values(self.model, frozen)
        self._attach([self._all_units[n] for n in self._frozen])
        return frozen

    def detach(self) -> None:
        """Take all hooks off the network, which is then as it was before."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if self._attachment is not None:
            self._attachment.remove()
        self._attachment = None

    # --- inside ---

    def _attach(self, units: Iterable[Unit] | None = None) -> None:
        self._attachment = GateHooks(self.model, self.gated.values() if units is None else units, lambda: self._now)
        self._handles = [self.model.register_forward_pre_hook(self._refresh)]

    def _refresh(self, *_: Any) -> None:
        """Before each forward pass: compute the value of each gate once, for all modules and for recomputation."""
        if self._frozen is not None:
            self._now = self._frozen
        elif not self.model.training:
            with torch.no_grad():
                self._now = self.deterministic()
        elif self._noise is None:
            raise RuntimeError("gates were never sampled: call gates.sample(seed) once before each training step")
        else:
            self._now = self._by_unit(_stretched(torch.sigmoid((self._noise + self.log_alpha) / BETA)))

    def _by_unit(self, flat: Tensor) -> Values:
        parts = zip(self.gated.items(), flat.split(self.sizes), strict=True)
        return {name: _inner_first(part) if unit.ordered else part for (name, unit), part in parts}

    def get_extra_state(self) -> dict[str, dict[str, int]]:
        return {"sizes": {n: u.size for n, u in self.gated.items()}}

    def set_extra_state(self, state: dict[str, dict[str, int]]) -> None:
        own = self.get_extra_state()
        if state != own:
            wrong = sorted({*state["sizes"].items()} ^ {*own["sizes"].items()})
            raise PlanError(f"these gates belong to a network of another structure: {wrong[0][0]} differs")


def frozen_values(model: nn.Module, plan: Plan) -> Values:
    """Multipliers of every unit in ``plan``: 0 for a removed element, else the value in the plan, or 1."""
    like = next(model.parameters())
    units = collect(model).units
    out: Values = {}
    for name, kept in plan.keep.items():
        value = torch.zeros(units[name].size, dtype=like.dtype, device=like.device)
        value[list(kept)] = torch.tensor(plan.values.get(name) or [1.0] * len(kept), dtype=like.dtype).to(like.device)
        out[name] = value
    return out


def _stretched(s: Tensor) -> Tensor:
    return (s * (ZETA - GAMMA) + GAMMA).clamp(0.0, 1.0)


def _inner_first(x: Tensor) -> Tensor:
    """``y[e] = x[e] x[e + 1] ...``: an element of an ordered unit is kept only if all elements after it are."""
    return x.flip(0).cumprod(0).flip(0)

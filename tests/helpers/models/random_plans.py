"""Plans by chance: any elements of any unit, as far as the unit allows."""

from __future__ import annotations

import random

import torch

from sottovoce.encoder.units import Unit, collect
from sottovoce.pruning.planning.plans import Plan

EVERYTHING = "everything"


def units_of(model: torch.nn.Module, kind: str) -> dict[str, Unit]:
    return {n: u for n, u in collect(model).units.items() if kind in (EVERYTHING, u.kind) and u.size}


def some(unit: Unit, rng: random.Random) -> list[int]:
    """Elements to keep, by chance, as the unit allows; now and then none.

    Norms over one or two channels divide by next to nothing, which no float32 survives: those keep a third.
    """
    if unit.contains:
        return [0] if rng.random() < 0.6 else []
    if unit.ordered:
        return list(range(rng.randint(0, unit.size), unit.size))
    run = unit.size // unit.strata
    least = run // 3 if unit.norms else 0
    keep = rng.randint(max(least, -(-unit.floor // unit.strata)), run - 1)
    return sorted(r * run + i for r in range(unit.strata) for i in rng.sample(range(run), keep))


def random_plan(model: torch.nn.Module, kind: str, seed: int) -> Plan:
    """Random elements, with random soft values to fold."""
    rng = random.Random(seed)
    keep = {name: some(unit, rng) for name, unit in units_of(model, kind).items()}
    gone = [n for n, kept in keep.items() if not kept and collect(model).units[n].contains]
    keep = {n: k for n, k in keep.items() if not any(n.startswith(block + ".") for block in gone)}
    values = {name: [rng.uniform(0.2, 1.0) for _ in kept] for name, kept in keep.items()}
    return Plan(keep, {n: u.size for n, u in collect(model).units.items()}, values)

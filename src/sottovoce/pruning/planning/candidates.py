"""How each unit can be narrowed: in which order its elements are removed, and which widths are allowed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import torch
from torch import Tensor

from ...encoder.unit_kinds import rounded_kinds
from ...encoder.units import Declarations, Unit
from ...errors import PlanError
from ...text.suggestions import did_you_mean


@dataclass(frozen=True)
class Candidate:
    """How one unit can be narrowed, one chunk of elements after another.

    Args:
        unit: the unit.
        order: all elements in the order of removal.
        widths: the allowed widths, from the full size down to the smallest.
        scores: the sum of the scores of each chunk, which is the elements between two such widths. In a unit with a fixed
            order of removal, chunks that must be removed before a less important one are averaged with it, so that the
            mean score of an element never falls from one chunk to the next.
    """

    unit: Unit
    order: np.ndarray
    widths: np.ndarray
    scores: np.ndarray

    @property
    def chunks(self) -> np.ndarray:
        """Number of elements in each chunk."""
        return self.widths[:-1] - self.widths[1:]

    def kept(self, width: int) -> list[int]:
        """The elements that stay at ``width``."""
        return sorted(self.order[self.unit.size - width :].tolist())


def removal_order(unit: Unit, scores: Tensor | None) -> np.ndarray:
    """The elements of a unit in the order of removal: lowest score first, one of each stratum at a time.

    Without scores, the last elements are removed first.
    """
    if unit.ordered:
        return np.arange(unit.size)
    values = -np.arange(unit.size, dtype=float) if scores is None else scores.detach().double().cpu().numpy()
    ranked = np.argsort(values.reshape(unit.strata, -1), axis=1, kind="stable")
    return (ranked + ranked.shape[1] * np.arange(unit.strata)[:, None]).T.reshape(-1)


def allowed_widths(size: int, multiple: int, strata: int, floor: int) -> np.ndarray:
    """The full size, and every smaller multiple of ``multiple`` and ``strata`` down to ``floor``, in descending order.

    >>> allowed_widths(37, 8, 1, 9).tolist()
    [37, 32, 24, 16]
    """
    step = math.lcm(max(multiple, 1), strata)
    multiples = np.arange((size - 1) // step * step, -1, -step) if size else np.zeros(0, int)
    return np.concatenate([[size], multiples[multiples >= floor]]).astype(int)


def make_candidate(unit: Unit, scores: Tensor, multiple: int, floor: int) -> Candidate:
    """The candidate of one unit.

    Args:
        unit: the unit.
        scores: ``[size]`` importance of its elements.
        multiple: allowed widths are multiples of this.
        floor: smallest allowed width.
    """
    order = removal_order(unit, scores)
    widths = allowed_widths(unit.size, multiple, unit.strata, floor)
    running = np.concatenate([[0.0], np.cumsum(scores.detach().double().cpu().numpy()[order])])
    chunks = np.diff(running[unit.size - widths])
    if unit.ordered:
        chunks = _pooled(chunks, widths[:-1] - widths[1:])
    return Candidate(unit, order, widths, chunks)


def _pooled(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Average neighboring chunks wherever their means fall from one to the next (isotonic regression)."""
    pools: list[list[float]] = []  # sum, elements, chunks
    for total, count in zip(sums.tolist(), counts.tolist(), strict=True):
        pools.append([total, count, 1])
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] > pools[-1][0] * pools[-2][1]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    means = np.repeat([total / count for total, count, _ in pools], [int(n) for *_, n in pools])
    return means * counts if len(pools) else np.zeros(0)


# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rules:
    """The rules that the user gave for the choice, resolved to units.

    Args:
        round_to: multiple of each unit's width.
        protected: units that stay whole.
        floors: smallest number of kept elements, for each unit that has one.
    """

    round_to: dict[str, int]
    protected: frozenset[str]
    floors: dict[str, int]


def resolve_rules(
    declared: Declarations,
    round_to: int | Mapping[str, int] | None,
    protect: Iterable[str],
    floors: Mapping[str, int],
) -> Rules:
    """Resolve kinds, names and patterns to units.

    A block is protected if anything inside it is protected or has a floor.

    Args:
        declared: the units of the network.
        round_to: multiple of the widths, for all rounded kinds or by kind, name or pattern.
        protect: kinds, names, paths or patterns of units that stay whole.
        floors: smallest number of kept elements, by kind, name, path or pattern.

    Raises:
        PlanError: a key matches no unit, a multiple is below 1, or a floor is above the size.
    """
    units = declared.units
    multiples: dict[str, int] = {}
    usual = rounded_kinds()
    by_kind = dict.fromkeys(usual, round_to) if isinstance(round_to, int) else {**usual, **(round_to or {})}
    for key, multiple in by_kind.items():
        if multiple < 1:
            raise PlanError(f"round_to: {key} is {multiple}; give at least 1")
        given = isinstance(round_to, Mapping) and key in round_to
        names = matching(units, key, "round_to") if given else [n for n, u in units.items() if u.kind == key]
        multiples.update({name: multiple for name in names if not units[name].contains})
    protected = {name for key in protect for name in matching(units, key, "protect")}
    least: dict[str, int] = {}
    for key, floor in floors.items():
        for name in matching(units, key, "floors"):
            if floor > units[name].size:
                raise PlanError(f"floors: {name} should keep {floor}, but has only {units[name].size}")
            least[name] = max(least.get(name, 0), floor)
    for name in [*protected, *(n for n, floor in least.items() if floor > 0)]:
        protected.update(outer for outer in declared.containing(name) if outer != name)
    return Rules(multiples, frozenset(protected), least)


def matching(units: Mapping[str, Unit], key: str, what: str) -> list[str]:
    """The units that ``key`` stands for: a kind, a name, a path above names, or a pattern such as ``layers.*.attention``.

    Args:
        units: all units by name.
        key: what the user wrote.
        what: name of the argument that has the key; the message begins with it.

    Raises:
        PlanError: it matches no unit.
    """
    matches = [n for n, u in units.items() if key in (n, u.kind) or n.startswith(key + ".") or fnmatchcase(n, key)]
    if not matches:
        raise PlanError(f"{what}: no unit or kind is called {key!r}; {suggestion(key, units)}")
    return matches


def suggestion(key: str, units: Mapping[str, Unit]) -> str:
    """The end of a message about an unknown name: the nearest kind or unit, or all kinds."""
    kinds = {unit.kind for unit in units.values()}
    return did_you_mean(key, [*kinds, *units], listed=kinds)


def list_candidates(declared: Declarations, scores: Mapping[str, Tensor], rules: Rules) -> list[Candidate]:
    """A candidate for each unit that has scores and is not protected.

    Raises:
        PlanError: scores of an unknown unit, of another size, or that are not finite.
    """
    out = []
    for name, values in scores.items():
        if name not in declared.units:
            raise PlanError(f"scores: no unit is called {name!r}; {suggestion(name, declared.units)}")
        unit = declared.units[name]
        if tuple(values.shape) != (unit.size,):
            raise PlanError(f"scores: {name} has {unit.size} elements, but scores of shape {tuple(values.shape)}")
        if not bool(torch.isfinite(values).all()):
            raise PlanError(f"scores: {name} has scores that are not finite; to keep a unit whole, protect it")
        if name not in rules.protected and unit.size:
            floor = max(unit.floor, rules.floors.get(name, 0))
            out.append(make_candidate(unit, values, rules.round_to.get(name, 1), floor))
    return out

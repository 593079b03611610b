"""A plan: which elements of every unit stay. Plain data, made without touching weights."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ...encoder.unit_kinds import noun_of
from ...encoder.units import Unit, collect, width_at
from ...errors import DataError, PlanError
from ...files import write_text
from ...quantities import Seconds
from ...text import plain_json
from ...text.plain_tables import text_table
from ...text.text_files import text
from ..budget import Budget
from ..costs import CheapestForm, Cost, CostModel, cost, reference_network
from .candidates import list_candidates, removal_order, resolve_rules, suggestion
from .feasibility import check_feasible
from .removals import RemovedPart, RemovedPartWarning, removed_parts
from .scores import Scores
from .width_selection import select

FORMAT = 1


@dataclass(frozen=True)
class Plan:
    """Which elements of every unit stay.

    Args:
        keep: unit -> indices of the elements that stay, ascending, in the network that the plan was made for. Units that
            are not named stay whole. Units inside a removed block are not named.
        sizes: unit -> its size in that network, for every unit. A plan fits no other network.
        values: unit -> the value of the gate of each kept element, which is multiplied into the weights when the plan is
            carried out; 1 where a unit is not named.
        before, after: cost of that network and of the smaller one, at the same duration.
        reference: cost of the network that fractions of the budget refer to.
        taps: unit of positional taps -> number of taps of its kernel before slimming. Its elements are rings of two taps
            around the innermost ones, which always stay; `shown` counts taps.
    """

    keep: dict[str, list[int]]
    sizes: dict[str, int]
    values: dict[str, list[float]] = field(default_factory=dict)
    before: Cost | None = None
    after: Cost | None = None
    reference: Cost | None = None
    taps: dict[str, int] = field(default_factory=dict)

    def removed_parts(self) -> list[RemovedPart]:
        """Removed blocks, and layers without any head or FFN unit left."""
        return removed_parts(self.sizes, self.widths())

    def shown(self, name: str) -> tuple[int, int]:
        """Kept and original number of elements of a unit as `inspect` counts them: taps, not rings of taps."""
        width, size = self.width(name), self.sizes[name]
        kernel = self.taps.get(name)
        return (width, size) if kernel is None else (kernel - 2 * (size - width), kernel)

    def width(self, name: str) -> int:
        """Number of kept elements of a unit."""
        return len(self.keep[name]) if name in self.keep else self.sizes[name]

    def widths(self) -> dict[str, int]:
        """Number of kept elements of every unit."""
        return {name: self.width(name) for name in self.sizes}

    def with_values(self, values: Mapping[str, Sequence[float]]) -> Plan:
        """This plan with the values of the gates of kept elements."""
        return replace(self, values={name: [float(v) for v in each] for name, each in values.items()})

    def below(self, path: str) -> Plan:
        """This plan for a network that contains the original one as its part ``path``, without costs."""

        def prefixed(units: Mapping[str, Any]) -> dict[str, Any]:
            return {f"{path}.{name}": each for name, each in units.items()}

        return Plan(prefixed(self.keep), prefixed(self.sizes), prefixed(self.values), taps=prefixed(self.taps))

    # --- from explicit widths ---

    @classmethod
    def to_shape(
        cls,
        model: nn.Module,
        target: Mapping[str, Sequence[int] | int],
        scores: Mapping[str, Tensor] | None = None,
        *,
        seconds: Seconds = 1.0,
    ) -> Plan:
        """The plan that leaves given widths.

            Plan.to_shape(encoder, {"conv": [90, 161, ...], "head": [2, 3, ...], "ffn": [666, 660, ...]}, scores)
            Plan.to_shape(encoder, {"layers.3.attention.heads": 4, "layers.5.feed_forward": 0})

        Args:
            model: the network to be narrowed.
            target: kind -> a width for each unit of the kind, in the order of the network; or unit -> width. Blocks have
                the width 0 or 1. Units that are not named stay whole.
            scores: the elements with the highest scores stay; without scores, the first ones.
            seconds: duration in seconds for the costs that the plan records.

        Raises:
            PlanError: a name is no kind or unit, there are too few or too many widths, or a unit cannot have such a width.
        """
        costs = CheapestForm(model, seconds)
        units = costs.declarations.units
        widths: dict[str, int] = {}
        for key, wanted in target.items():
            if key in units:
                pairs = [(key, wanted)]
            else:
                names = [n for n, u in units.items() if u.kind == key]
                if not names:
                    raise PlanError(f"shape: no kind or unit is called {key!r}; {suggestion(key, units)}")
                if isinstance(wanted, int) or len(wanted) != len(names):
                    given = 1 if isinstance(wanted, int) else len(wanted)
                    raise PlanError(f"shape: {given} widths for {key}, but the network has {len(names)} such units")
                pairs = list(zip(names, wanted, strict=True))
            for name, width in pairs:
                if name in widths:
                    raise PlanError(f"shape: {name} is given twice, by its name and by its kind")
                widths[name] = _checked_width(units[name], width)
        keep = {}
        for name, width in widths.items():
            order = removal_order(units[name], None if scores is None else scores.get(name))
            keep[name] = sorted(order[units[name].size - width :].tolist())
        return _made(model, costs, keep, _reference(model, costs))

    # --- does it fit ---

    def validate(self, model: nn.Module) -> None:
        """Check that the plan can be carried out on ``model``.

        Raises:
            PlanError: the plan was made for a network of other sizes, names an unknown unit, lists an element twice or one
                that does not exist, keeps unequal numbers in the strata of a unit, violates an order of removal, keeps too
                few elements, or has values that do not match the kept elements.
        """
        units = collect(model).units
        for name, size in self.sizes.items():
            if name not in units:
                raise PlanError(f"{name}: the plan is for a network with this unit, which this one does not have")
            if size != units[name].size:
                owner, noun = _called(units[name])
                raise PlanError(
                    f"{owner}: the plan is for a network with {size} {noun}s there, but this one has {units[name].size}"
                )
        for name, kept in self.keep.items():
            if name not in units:
                raise PlanError(f"plan: no unit is called {name!r}; {suggestion(name, units)}")
            _check_kept(units[name], kept)
        for name, values in self.values.items():
            if name not in self.keep:
                raise PlanError(f"{name}: the plan has values for it, but does not say which elements stay")
            if len(values) != len(self.keep[name]):
                raise PlanError(f"{name}: the plan keeps {len(self.keep[name])} elements, but has {len(values)} values")

    # --- in and out ---

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        data: dict[str, Any] = {"format": FORMAT, "keep": self.keep, "values": self.values, "sizes": self.sizes}
        data |= {"taps": self.taps} if self.taps else {}
        for name in ("before", "after", "reference"):
            if (known := getattr(self, name)) is not None:
                data[name] = known.to_dict()
        return data

    @classmethod
    def from_dict(cls, data: object) -> Plan:
        """The inverse of `to_dict`.

        Raises:
            PlanError: the data is not a plan.
        """
        read: Any = data
        try:
            if read["format"] != FORMAT:
                raise PlanError(f"plan: format {read['format']!r} is not known; this version reads {FORMAT}")
            surplus = sorted(
                read.keys() - {"format", "keep", "values", "sizes", "taps", "before", "after", "reference"}
            )
            if surplus:
                raise PlanError(f"plan: unknown key {surplus[0]!r}")
            costs = {n: Cost.from_dict(read[n]) for n in ("before", "after", "reference") if n in read}
            return cls(
                {str(name): [_index(i) for i in kept] for name, kept in read["keep"].items()},
                {str(name): _index(size) for name, size in read["sizes"].items()},
                {str(name): [float(v) for v in values] for name, values in read.get("values", {}).items()},
                **costs,
                taps={str(name): _index(kernel) for name, kernel in read.get("taps", {}).items()},
            )
        except PlanError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # The file may hold JSON of any structure.
            raise PlanError(f"plan: not a plan of sottovoce ({type(error).__name__}: {error})") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plan as JSON, one unit a line."""
        lines = []
        for key, value in self.to_dict().items():
            if isinstance(value, dict) and value:
                inner = ",\n".join(f"    {plain_json.dumps(k)}: {plain_json.dumps(v)}" for k, v in value.items())
                lines.append(f"  {plain_json.dumps(key)}: {{\n{inner}\n  }}")
            else:
                lines.append(f"  {plain_json.dumps(key)}: {plain_json.dumps(value)}")
        write_text(Path(path), "{\n" + ",\n".join(lines) + "\n}\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Plan:
        """Read a plan.

        Raises:
            PlanError: there is no such file, or it is not a plan.
        """
        try:
            data = json.loads(text(Path(path)))
        except DataError as error:
            raise PlanError(str(error)) from None
        except (ValueError, RecursionError):
            raise PlanError(f"{path}: not a JSON file") from None
        return cls.from_dict(data)

    def table(self) -> str:
        """What stays of every unit, as lines of text. Whole blocks are listed only if they are removed."""
        blocks = {n for n in self.sizes if any(m.startswith(n + ".") for m in self.sizes)}
        removed = {n for n in blocks if self.width(n) == 0}
        rows = [["unit", "stays", "of", ""]]
        for name in self.sizes:
            if name in removed:
                rows.append([name, "removed", "", ""])
            elif name not in blocks and not any(name.startswith(b + ".") for b in removed):
                stays, size = self.shown(name)
                rows.append([name, str(stays), str(size), _bar(stays, size)])
        lines = [text_table(rows, right={1, 2})]
        if self.after is not None:
            lines.append(f"left: {self.after}")
        if self.after is not None and self.reference is not None:
            shares = self.after.params / max(self.reference.params, 1), self.after.macs / max(self.reference.macs, 1)
            lines.append(f"that is {100 * shares[0]:.1f} % and {100 * shares[1]:.1f} % of {self.reference}")
        return "\n".join(lines)


def plan(
    model: nn.Module,
    budget: Budget,
    scores: Scores,
    *,
    round_to: int | Mapping[str, int] | None = None,
    protect: Iterable[str] = (),
    floors: Mapping[str, int] | None = None,
) -> Plan:
    """Choose what stays so that the budget is met and as little importance as possible is lost. Changes no weights.

    The choice is global: all units compete. No constraint is violated, and the binding one has less room left than the
    next chunk of elements would take.

    Args:
        model: the network, dense or already slim.
        budget: what the result may cost.
        scores: importance of the elements. Units without scores stay whole.
        round_to: multiple of the widths, for every rounded kind or by kind, name or pattern (default: `unit_kinds.KINDS`;
            heads, groups and blocks are counted one by one). A unit may also stay as wide as it is.
        protect: units that stay whole: names, kinds, paths above them or patterns (``layers.0.*``).
        floors: fewest elements that stay, by name, kind, path or pattern.

    Raises:
        BudgetError: a limit cannot be reached; the message says what can be reached and what prevents more.
        PlanError: scores, floors or names that do not fit the network.

    Warns:
        RemovedPartWarning: whole blocks are removed, or all heads or FFN units of a layer.
    """
    made = choose(model, budget, scores, round_to=round_to, protect=protect, floors=floors)
    for part in made.removed_parts():
        warnings.warn(f"plan: {part.line()}", RemovedPartWarning, stacklevel=2)
    return made


def choose(
    model: nn.Module,
    budget: Budget,
    scores: Scores,
    *,
    round_to: int | Mapping[str, int] | None = None,
    protect: Iterable[str] = (),
    floors: Mapping[str, int] | None = None,
) -> Plan:
    """`plan` without warnings, for callers that print the removed parts themselves."""
    costs = CostModel(model, budget.seconds)
    reference = _reference(model, costs, budget.reference)
    constraints = budget.constraints(costs, reference)
    slimmed = CheapestForm(model, budget.seconds)
    asked = resolve_rules(costs.declarations, round_to, protect, floors or {})
    possible = list_candidates(costs.declarations, scores, asked)
    if scores.per_cost and any(bool((values < 0).any()) for values in scores.values()):
        raise PlanError("scores: ranked by the cost they save, scores must not be negative")
    check_feasible(costs, constraints, possible, asked.protected, scores)
    exact = budget.constraints(slimmed, reference)
    widths = select(possible, costs, constraints, per_cost=scores.per_cost, final_constraints=exact)
    gone = {n for n, width in widths.items() if costs.declarations.units[n].contains and width == 0}
    keep = {}
    for each in possible:
        name = each.unit.name
        if not gone.intersection(outer for outer in costs.declarations.containing(name) if outer != name):
            keep[name] = each.kept(widths[name])
    return _made(model, slimmed, {name: keep[name] for name in costs.names if name in keep}, reference)


def _reference(model: nn.Module, costs: CostModel, reference: str = "original") -> Cost:
    network = reference_network(model, reference)
    return costs.cost() if network is model else cost(network, costs.seconds)


def _made(model: nn.Module, costs: CostModel, keep: dict[str, list[int]], reference: Cost) -> Plan:
    units = costs.declarations.units
    sizes = {name: unit.size for name, unit in units.items()}
    shape: Any = getattr(model, "shape", None)
    taps = {name: width_at(shape, name) for name, unit in units.items() if unit.kind == "positional_tap" and shape}
    after = costs.cost({name: len(kept) for name, kept in keep.items()})
    return Plan(keep, sizes, before=costs.cost(), after=after, reference=reference, taps=taps)


# ---------------------------------------------------------------------------------------------------------------------


def _called(unit: Unit) -> tuple[str, str]:
    """The module that a unit belongs to, and what its elements are called, for messages.

    ``layers.3.attention.heads`` -> ``layers.3.attention``, ``head``; ``frontend.channels.3`` stays whole.
    """
    owner, _, last = unit.name.rpartition(".")
    return (unit.name if last.isdigit() or not owner or unit.contains else owner), noun_of(unit.kind)


def _check_kept(unit: Unit, kept: list[int]) -> None:
    owner, noun = _called(unit)
    for e in kept:
        if not 0 <= e < unit.size:
            whole = f"0..{unit.size - 1}" if unit.size else "none"
            raise PlanError(f"{owner}: plan keeps {noun} {e}, but the layer has {unit.size} {noun}s ({whole})")
    if kept != sorted(set(kept)):
        raise PlanError(f"{owner}: the kept {noun}s must be listed once each, in ascending order")
    if len(kept) < unit.floor:
        raise PlanError(f"{owner}: plan keeps {len(kept)} {noun}s, but at least {unit.floor} must stay")
    if unit.ordered and kept != list(range(unit.size - len(kept), unit.size)):
        raise PlanError(f"{owner}: {noun}s can only go in the order 0, 1, 2, ..., so the last ones must be kept")
    if unit.strata > 1:
        run = unit.size // unit.strata
        counts = [sum(e // run == s for e in kept) for s in range(unit.strata)]
        if len(set(counts)) > 1:
            raise PlanError(
                f"{owner}: each of the {unit.strata} runs of {run} {noun}s must keep equally many, "
                f"but the plan keeps {min(counts)} in one and {max(counts)} in another"
            )


def _checked_width(unit: Unit, width: Any) -> int:
    owner, noun = _called(unit)
    if not isinstance(width, int) or isinstance(width, bool) or not 0 <= width <= unit.size:
        raise PlanError(f"{owner}: shape asks for {width!r} {noun}s, but the layer has {unit.size}")
    if width < unit.floor:
        raise PlanError(f"{owner}: shape asks for {width} {noun}s, but at least {unit.floor} must stay")
    if width % unit.strata:
        raise PlanError(f"{owner}: shape asks for {width} {noun}s, but only multiples of {unit.strata} are possible")
    return width


def _index(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _bar(width: int, size: int, cells: int = 24) -> str:
    full = round(cells * width / max(size, 1))
    return "█" * max(full, min(width, 1)) + "·" * (cells - max(full, min(width, 1)))

"""The parameters and multiply-accumulates of a network as one function of its widths.

A parameter whose dimension 0 belongs to the unit ``a`` and dimension 1 to ``b`` has ``r_a w_a * r_b w_b`` entries,
where ``w`` is the number of kept elements and ``r`` the rows of each. So every cost is a polynomial in the widths. It is
compiled once from the units that the modules declare (`sottovoce.encoder.units`). Then it is evaluated on whole numbers
for a report, on expected widths for a loss, and on many candidate widths at once for a plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from ..encoder.loading.uninitialized import without_memory
from ..encoder.units import Factored, collect
from ..quantities import Macs, Params, Seconds
from ..text.plain_tables import text_table
from .polynomial import Polynomial, add, entries, product, slices

OTHER = "other"


Network = TypeVar("Network", bound=nn.Module)


class PartCost(NamedTuple):
    """The cost of one part of a network."""

    params: Params
    macs: Macs


@dataclass(frozen=True)
class Cost:
    """Parameters, and multiply-accumulates for one utterance of ``seconds``: the total and each part.

    >>> print(Cost(94_381_936, 6_911_000_000, 1.0, {}))
    94.38 M parameters, 6.911 G MACs at 1 s
    """

    params: Params
    macs: Macs
    seconds: Seconds
    parts: dict[str, PartCost]

    def __str__(self) -> str:
        return f"{human(self.params)} parameters, {human(self.macs)} MACs at {self.seconds:g} s"

    def table(self) -> str:
        """The cost of each part as lines of text."""
        rows = [["part", "parameters", "%", "MACs", "%"]]
        for name, part in self.parts.items():
            shares = [f"{100 * a / max(b, 1):.1f}" for a, b in zip(part, (self.params, self.macs), strict=True)]
            rows.append([name, human(part.params), shares[0], human(part.macs), shares[1]])
        return text_table(rows, right={1, 2, 3, 4})

    def to_dict(self) -> dict[str, object]:
        parts = {name: {"params": p.params, "macs": p.macs} for name, p in self.parts.items()}
        return {"params": self.params, "macs": self.macs, "seconds": self.seconds, "parts": parts}

    @classmethod
    def from_dict(cls, data: object) -> Cost:
        """The inverse of `to_dict`; a ``TypeError`` or the like for other data."""
        read: Any = data
        parts = {name: PartCost(int(p["params"]), int(p["macs"])) for name, p in read["parts"].items()}
        return cls(int(read["params"]), int(read["macs"]), float(read["seconds"]), parts)


def cost(model: nn.Module, seconds: Seconds = 1.0) -> Cost:
    """Parameters and multiply-accumulates of ``model`` (dense or slim) for one utterance of ``seconds``."""
    return CostModel(model, seconds).cost()


def reference_network(model: Network, reference: str = "original") -> Network:
    """The network that fractions of a budget refer to.

    Args:
        model: the network, dense or already slim.
        reference: ``original``, the network before any pruning (built from ``model.original_shape`` without memory for
            weights; a model without that attribute is its own original), or ``current``, the network as it is.
    """
    pruned: Any = model
    shape = getattr(model, "original_shape", None)
    if reference != "original" or shape is None or shape == pruned.shape:
        return model
    with without_memory():
        return pruned.shrunk(shape)


def reference_cost(model: nn.Module, seconds: Seconds = 1.0, reference: str = "original") -> Cost:
    """The cost that fractions of a budget refer to, see `reference_network`."""
    return cost(reference_network(model, reference), seconds)


class CostModel:
    """The cost of ``model`` and of every network that it can be pruned to.

    Args:
        model: any module that has ``timing(seconds)`` and whose modules declare units and multiplications.
        seconds: length in seconds of the utterance that multiplications are counted for.

    Attributes:
        names: the names of the units, in the order of all tensors of widths.
        sizes: ``[U]`` widths of the network as it is.
        parts: top-level components that declare units or multiplications (below ``encoder`` in a task model), ``head``, and
            ``other``.

    Raises:
        ValueError: a module declares rows of a tensor that does not exist, or rows whose number depends on which elements
            are kept, not only on how many.
    """

    def __init__(self, model: nn.Module, seconds: Seconds = 1.0):
        self.seconds = seconds
        self.declarations = declared = collect(model)
        self.names = tuple(declared.units)
        self.index = {name: i for i, name in enumerate(self.names)}
        self.sizes = torch.tensor([u.size for u in declared.units.values()], dtype=torch.float64)
        self._slices = slices(declared.units.values(), model)
        self._tops = {_top(name) for name, unit in declared.units.items() if not unit.shared}
        self._tops |= {_top(m.parameter or m.path) for m in declared.macs} - {""}

        self.shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
        params = {name: self._numel(name) for name in self.shapes}
        own: Any = model
        self.timing = timing = own.timing(seconds)
        by_part: dict[str, tuple[Polynomial, Polynomial]] = {}
        for name, polynomial in params.items():
            add(by_part.setdefault(self._part(name), ({}, {}))[0], polynomial)
        for macs in declared.macs:
            if macs.parameter is not None:
                if macs.parameter not in params:
                    raise ValueError(f"{macs.path}: multiplies {macs.parameter}, which is no parameter of the network")
                each, at = params[macs.parameter], macs.parameter
            elif macs.unit is not None:
                if macs.unit not in self.index:
                    raise ValueError(f"{macs.path}: counts the unit {macs.unit}, which is not declared")
                u, at = self.index[macs.unit], macs.unit
                each = {(*self._blocks(at), u): macs.each * declared.units[macs.unit].size}
            else:
                each, at = {self._blocks(macs.path): macs.each}, macs.path
            add(by_part.setdefault(self._part(at), ({}, {}))[1], each, float(macs.times(timing)))
        self._compile(by_part)

    def _blocks(self, path: str) -> tuple[int, ...]:
        return tuple(self.index[name] for name in self.declarations.containing(path))

    def _part(self, path: str) -> str:
        top = _top(path)
        return top if top in self._tops or top == "head" else OTHER

    def _numel(self, name: str) -> Polynomial:
        polynomial: Polynomial = {self._blocks(name): 1.0}
        for dim in range(len(self.shapes[name])):
            polynomial = product(polynomial, self._entries(name, dim))
        return polynomial

    def _entries(self, name: str, dim: int) -> Polynomial:
        """Entries of one dimension of a parameter."""
        owners = [(self.index[u.name], u, r) for u, r in self._slices.get((name, dim), {}).values()]
        return entries(f"{name}, dimension {dim}", self.shapes[name][dim], owners)

    def _compile(self, by_part: dict[str, tuple[Polynomial, Polynomial]]) -> None:
        order = {"frontend": 0, "positional": 1, "layers": 2, OTHER: 4, "head": 5}
        self.parts = self._compiled = tuple(sorted(by_part, key=lambda p: order.get(p, 3)))
        monomials = sorted({m for pair in by_part.values() for polynomial in pair for m in polynomial})
        place = {m: i for i, m in enumerate(monomials)}
        degree = max(map(len, monomials), default=0)
        one = len(self.names)  # evaluated widths are followed by a constant 1
        self._factors = torch.tensor([[*m, *[one] * (degree - len(m))] for m in monomials]).view(len(monomials), degree)
        self._coefficients = torch.zeros(len(self._compiled), 2, len(monomials), dtype=torch.float64)
        for p, part in enumerate(self._compiled):
            for quantity, polynomial in enumerate(by_part[part]):
                for monomial, coefficient in polynomial.items():
                    self._coefficients[p, quantity, place[monomial]] = coefficient

    def full(self) -> Tensor:
        """Widths ``[U]`` of the network as it is."""
        return self.sizes.clone()

    def widths(self, kept: Mapping[str, float | Tensor] | Tensor | None = None) -> Tensor:
        """Widths ``[U]`` with those of ``kept`` replaced; a width may be a number or a scalar tensor."""
        if isinstance(kept, Tensor):
            return kept
        widths = self.full()
        for name, width in (kept or {}).items():
            place = torch.nn.functional.one_hot(torch.tensor(self.index[name]), len(self.names)).bool()
            widths = torch.where(place, torch.as_tensor(width, dtype=widths.dtype), widths)
        return widths

    def by_part(self, widths: Tensor | Mapping[str, float | Tensor]) -> Tensor:
        """``[..., U]`` -> ``[..., P, 2]``: parameters and MACs of each of ``parts``. Differentiable in the widths."""
        widths = self.widths(widths)
        sizes, coefficients, factors = self._on(widths)
        fractions = torch.cat([widths / sizes, widths.new_ones(*widths.shape[:-1], 1)], dim=-1)
        products = widths.new_ones(*widths.shape[:-1], coefficients.shape[-1])
        for factor in factors:
            products = products * fractions[..., factor]
        return (products @ coefficients.flatten(0, 1).t()).unflatten(-1, (len(self._compiled), 2))

    def evaluate(self, widths: Tensor | Mapping[str, float | Tensor], part: str | None = None) -> tuple[Tensor, Tensor]:
        """Parameters and MACs for (expected) widths.

        Args:
            widths: ``[..., U]`` in the order of ``names``, or a mapping from unit to width; units that a mapping does
                not name are whole.
            part: only this one of ``parts``.

        Returns:
            Two tensors ``[...]``, differentiable in the widths.
        """
        by_part = self.by_part(widths)
        total = by_part.sum(-2) if part is None else by_part[..., self.parts.index(part), :]
        return total[..., 0], total[..., 1]

    def cost(self, kept: Mapping[str, float | Tensor] | Tensor | None = None) -> Cost:
        """Exact cost at whole-number widths; by default, of the network as it is."""
        by_part = self.by_part(self.widths(kept).double()).round().long().tolist()
        parts = {name: PartCost(*pair) for name, pair in zip(self.parts, by_part, strict=True)}
        totals = [sum(pair[i] for pair in parts.values()) for i in range(2)]
        return Cost(totals[0], totals[1], self.seconds, parts)

    def _on(self, like: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Sizes, coefficients and the columns of the factors, in the precision and on the device of ``like``."""
        key = (like.dtype, like.device)
        if getattr(self, "_cached", (None,))[0] != key:
            columns = tuple(c.contiguous().to(like.device) for c in self._factors.t())
            self._cached = (key, (self.sizes.clamp(min=1).to(like), self._coefficients.to(like), columns))
        return self._cached[1]


class CheapestForm(CostModel):
    """The exact cost after slimming of a network with factored linear maps.

    Two factors of ``r`` ranks have ``r (m + n)`` weights, their product has ``m n``, and slimming keeps whichever is
    smaller. A `CostModel` always counts the factors, so that a constraint depends on every rank. This cost is what a plan
    must meet; it is no polynomial.
    """

    def __init__(self, model: nn.Module, seconds: Seconds = 1.0):
        self._factored = [path for path, module in model.named_modules() if isinstance(module, Factored)]
        super().__init__(model, seconds)

    def _compile(self, by_part: dict[str, tuple[Polynomial, Polynomial]]) -> None:
        excess: dict[str, tuple[Polynomial, Polynomial]] = {}
        self._home, times = [], []
        for path in self._factored:
            up, down = f"{path}.up.weight", f"{path}.down.weight"
            more = product({self._blocks(up): -1.0}, product(self._entries(up, 0), self._entries(down, 1)))
            add(more, self._numel(up))
            add(more, self._numel(down))
            excess[_EXCESS + path] = (more, {})
            self._home.append(self._part(up))
            times.append(sum(float(m.times(self.timing)) for m in self.declarations.macs if m.parameter == down))
        super()._compile(by_part | excess)
        self._rows = [self._compiled.index(_EXCESS + path) for path in self._factored]
        self._real = [p for p, part in enumerate(self._compiled) if not part.startswith(_EXCESS)]
        self.parts = tuple(self._compiled[p] for p in self._real)
        self._times = torch.tensor([[1.0, t] for t in times], dtype=torch.float64).view(-1, 2)

    def by_part(self, widths: Tensor | Mapping[str, float | Tensor]) -> Tensor:
        counted = super().by_part(widths)
        saved = counted[..., self._rows, :1].clamp(min=0) * self._times.to(counted)
        owner = torch.tensor([self.parts.index(part) for part in self._home], dtype=torch.long, device=saved.device)
        return counted[..., self._real, :].index_add(-2, owner, saved, alpha=-1)


_EXCESS = "\0"  # no name of a part begins like this


# ---------------------------------------------------------------------------------------------------------------------


def human(count: float) -> str:
    """A number with four digits and a decimal prefix: ``94.38 M``, ``6.911 G``."""
    for scale, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= 0.99995 * scale:
            return f"{count / scale:#.4g} {prefix}"
    return f"{count:.4g}"


def _top(path: str) -> str:
    return path.removeprefix("encoder.").partition(".")[0]

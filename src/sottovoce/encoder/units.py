"""The plain data with which a module declares what can be removed from it.

A *unit* is a group of structures that can be removed one by one: the heads of an attention, the inner units of a
feed-forward, the channels of a convolution, the width of the residual stream. A module declares each of its units once,
in a method ``units()``, by naming the rows of the parameters that belong to each element. Gating, counting, slicing, the
shape and the printed plan are all derived from that declaration.

    class FeedForward(nn.Module):                       #  x ──▶ up ──▶ act ──▶ down ──▶
        def units(self):                                #           e │          │ e
            return [Unit("units", "ffn", self.up.out_features,      rows      columns
                         producers=(rows("up.weight", 0, n), rows("up.bias", 0, n)),
                         consumers=(rows("down.weight", 1, n, fold=True),),
                         gates=(site("act", n),))]

The name of a unit is the path of its width in the shape: the module ``layers.3.feed_forward`` with the unit ``units``
has its width at ``shape["layers"][3]["feed_forward"]["units"]``.

A module that multiplies declares how often in a method ``macs()``. Pruning needs nothing else of a network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from .checks.config_rules import Shape

RESIDUAL = "residual"
"""The key `Unit.shared` of the residual unit, to which every module that reads or writes the stream adds a part."""


@dataclass(frozen=True)
class Rows:
    """The rows of one parameter (or buffer) that belong to the elements of a unit.

    Args:
        parameter: path of the tensor, relative to the declaring module.
        dim: the dimension of the tensor that is sliced.
        index: ``[size, r]``: the ``r`` rows of each element; -1 fills up elements that own fewer rows.
        fold: whether these rows are multiplied by the soft value of a gate when it is folded into the weights.
        groups: number of groups for dimension 1 of a grouped convolution ``[out, in / groups, k]``. The index then counts
            the input channels of all groups, and all groups must keep the same number.
    """

    parameter: str
    dim: int
    index: Tensor
    fold: bool = False
    groups: int = 1


@dataclass(frozen=True)
class Site:
    """Channels (last dimension) of the output of one module, and the element that each belongs to.

    Args:
        module: path relative to the declaring module; "" is that module.
        index: ``[size, r]``: the ``r`` channels of each element; channels that are not listed are never gated.
    """

    module: str
    index: Tensor


@dataclass(frozen=True)
class Unit:
    """A group of ``size`` elements that can be removed one by one.

    Args:
        name: path of the width in the shape, relative to the declaring module.
        kind: kind of the elements, such as ``conv``, ``head`` or ``ffn``; see `unit_kinds.KINDS`.
        size: number of elements now.
        producers: rows that compute the element.
        consumers: rows that read the element.
        gates: outputs that are multiplied by the gate of each element while the network is gated.
        norms: normalizations over these channels; in a gated network their statistics are taken over kept channels only.
        contains: for a whole block, the modules whose parameters and multiplications are removed with its one element.
        shared: key under which the declarations of several modules are one unit.
        ordered: whether elements can only be removed in the order 0, 1, 2, ...
        strata: number of equal consecutive runs of elements that must all keep the same number of elements.
        floor: least number of elements that must stay.
        owns: ``[size, r]``: the entries of the width in the shape that each element stands for; default: one each.
        fixed: whether all elements always stay; `collect` then leaves the unit out.
    """

    name: str
    kind: str
    size: int
    producers: tuple[Rows, ...] = ()
    consumers: tuple[Rows, ...] = ()
    gates: tuple[Site, ...] = ()
    norms: tuple[Site, ...] = ()
    contains: tuple[str, ...] = ()
    shared: str | None = None
    ordered: bool = False
    strata: int = 1
    floor: int = 0
    owns: Tensor | None = None
    fixed: bool = False

    @property
    def rows(self) -> tuple[Rows, ...]:
        """All rows of the elements."""
        return self.producers + self.consumers


@dataclass(frozen=True)
class Timing:
    """The length of one utterance at each stage of a network, from which multiplications are counted.

    Args:
        samples: number of waveform samples.
        frames: number of frames of the hidden states, ``T``.
        levels: number of frames after each layer of the front end, before any downsampling.
    """

    samples: int
    frames: int
    levels: tuple[int, ...] = ()


@dataclass(frozen=True)
class MacTerm:
    """Multiply-accumulates of one operation: ``times(timing)`` × the size of a parameter, or × ``each`` × kept elements.

    Without parameter and unit they are ``times(timing)`` × ``each``.

    Args:
        times: how often the operation is done, as a function of the timing.
        parameter: path of the weight that is multiplied, relative to the declaring module.
        unit: name of a unit of the declaring module, each kept element of which costs ``each``.
        each: multiply-accumulates of one operation for each kept element.
        path: the declaring module, filled in by `collect`.
    """

    times: Callable[[Timing], float]
    parameter: str | None = None
    unit: str | None = None
    each: float = 1.0
    path: str = ""


def elements(size: int, block: int = 1, *offsets: int) -> Tensor:
    """Index ``[size, block * len(offsets)]`` of elements that own ``block`` consecutive rows from each offset on.

    >>> elements(2, 3).tolist()
    [[0, 1, 2], [3, 4, 5]]
    >>> elements(2, 1, 0, 2).tolist()      # the two halves of a gated linear unit
    [[0, 2], [1, 3]]
    """
    first = torch.arange(size * block).view(size, block)
    return torch.cat([first + offset for offset in offsets or (0,)], dim=1)


def rows(
    parameter: str, dim: int, size: int, block: int = 1, *offsets: int, fold: bool = False, groups: int = 1
) -> Rows:
    """``Rows`` of elements that own ``block`` consecutive rows each, see `elements`."""
    return Rows(parameter, dim, elements(size, block, *offsets), fold=fold, groups=groups)


def site(module: str, size: int, block: int = 1) -> Site:
    """``Site`` of elements that own ``block`` consecutive channels each."""
    return Site(module, elements(size, block))


def block(name: str, kind: str, width: int, *, contains: Iterable[str], fold: Iterable[str]) -> Unit:
    """The unit of a whole residual block, bias included, which is one element.

    Args:
        name: the block's module and its path in the shape, where a removed block is ``None``.
        kind: ``attention_block``, ``ffn_block`` or ``convolution_block``.
        width: channels of the block's output, ``D``.
        contains: modules that are removed with the block.
        fold: the tensors of its last linear map, into whose dimension 0 the soft value of the gate is multiplied.
    """
    whole = torch.arange(width)[None]
    folded = tuple(Rows(parameter, 0, whole, fold=True) for parameter in fold)
    return Unit(name, kind, 1, consumers=folded, gates=(Site(name, whole),), contains=tuple(contains))


class Factored(nn.Module):
    """A linear map whose weight is the product ``up.weight @ down.weight``, with its bias in ``up``.

    Other modules name rows of its ``weight`` and ``bias`` as for any linear map; `collect` finds the factor that holds them.
    """


class Retimed(nn.Module, ABC):
    """A module whose parts see another number of frames than the hidden states have. They count as if these were all."""

    @abstractmethod
    def retimed(self, timing: Timing) -> Timing:
        """The timing of its parts."""


class Gateable(nn.Identity):
    """A named point in a forward pass where a gate can be attached from outside. It computes nothing."""


# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Declarations:
    """All units and multiplications of a network, with absolute paths, as `collect` returns them.

    Args:
        units: unit by name.
        macs: the multiplications.
        coverage: module path -> names of the whole-block units that contain it.
    """

    units: dict[str, Unit]
    macs: tuple[MacTerm, ...] = ()
    coverage: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def containing(self, path: str) -> list[str]:
        """Names of the whole-block units that contain the parameter or module ``path``."""
        parts = path.split(".")
        prefixes = ["", *(".".join(parts[: i + 1]) for i in range(len(parts)))]
        return [name for prefix in prefixes for name in self.coverage.get(prefix, ())]


def inside(path: str, prefix: str) -> bool:
    """Whether ``path`` is ``prefix`` or below it."""
    return prefix == "" or path == prefix or path.startswith(prefix + ".")


def join(*parts: str) -> str:
    """A dotted path of the parts that are not empty."""
    return ".".join(part for part in parts if part)


def collect(model: nn.Module) -> Declarations:
    """Gather what every module of ``model`` declares, with absolute paths and with shared units merged into one.

    Raises:
        ValueError: two modules declare a unit of the same name, or the parts of a shared unit differ in size.
    """
    units: dict[str, Unit] = {}
    shared: dict[str, list[Unit]] = {}
    macs: list[MacTerm] = []
    factored = {path for path, module in model.named_modules() if isinstance(module, Factored)}
    slower = {path: module for path, module in model.named_modules() if isinstance(module, Retimed)}
    for path, module in model.named_modules():
        if callable(declare := getattr(module, "units", None)):
            for unit in declare():
                if unit.fixed:
                    continue
                unit = _absolute(unit, path, factored)
                if unit.shared:
                    shared.setdefault(unit.shared, []).append(unit)
                elif unit.name in units:
                    raise ValueError(f"{path}: the unit {unit.name!r} is declared twice")
                else:
                    units[unit.name] = unit
        if callable(declare := getattr(module, "macs", None)):
            around = [each.retimed for prefix, each in slower.items() if inside(path, prefix)]
            for each in declare():
                each = replace(each, times=_at(each.times, around)) if around else each
                unit_name = join(path, each.unit) if each.unit is not None else None
                for parameter in _multiplied(each.parameter, path, factored):
                    macs.append(replace(each, parameter=parameter, unit=unit_name, path=path))
    for key, parts in shared.items():
        merged = _merge(key, parts)
        units[merged.name] = merged
    coverage: dict[str, tuple[str, ...]] = {}
    for unit in units.values():
        for prefix in unit.contains:
            coverage[prefix] = (*coverage.get(prefix, ()), unit.name)
    return Declarations(units, tuple(macs), coverage)


def _at(times: Callable[[Timing], float], around: Sequence[Callable[[Timing], Timing]]) -> Callable[[Timing], float]:
    """``times`` inside modules that change the timing, the outermost first."""
    return lambda timing: times(reduce(lambda inner, retimed: retimed(inner), around, timing))


def _multiplied(parameter: str | None, path: str, factored: set[str]) -> list[str | None]:
    """The weights that an operation on ``parameter`` multiplies by."""
    if parameter is None:
        return [None]
    name = join(path, parameter)
    stored = [_stored(name, dim, factored) for dim in (1, 0)]
    return [*dict.fromkeys(stored)]


def _stored(name: str, dim: int, factored: set[str]) -> str:
    """Path of the tensor that holds dimension ``dim`` of a parameter."""
    module, _, tensor = name.rpartition(".")
    return join(module, "down" if dim == 1 else "up", tensor) if module in factored else name


def _absolute(unit: Unit, path: str, factored: set[str]) -> Unit:
    def moved(all_rows: tuple[Rows, ...]) -> tuple[Rows, ...]:
        return tuple(replace(r, parameter=_stored(join(path, r.parameter), r.dim, factored)) for r in all_rows)

    def with_path(sites: tuple[Site, ...]) -> tuple[Site, ...]:
        return tuple(replace(s, module=join(path, s.module)) for s in sites)

    return replace(
        unit,
        name=join(path, unit.name) if unit.name else "",
        producers=moved(unit.producers),
        consumers=moved(unit.consumers),
        gates=with_path(unit.gates),
        norms=with_path(unit.norms),
        contains=tuple(join(path, c) for c in unit.contains),
    )


def _merge(key: str, parts: list[Unit]) -> Unit:
    named = [p for p in parts if p.name]
    if len(named) != 1:
        raise ValueError(f"the shared unit {key!r} must be named by exactly one module, not {len(named)}")
    head = named[0]
    if wrong := [p for p in parts if p.size != head.size]:
        raise ValueError(
            f"the shared unit {key!r} has {head.size} elements in one module and {wrong[0].size} in another"
        )
    return replace(
        head,
        producers=sum((p.producers for p in parts), ()),
        consumers=sum((p.consumers for p in parts), ()),
        gates=sum((p.gates for p in parts), ()),
        norms=sum((p.norms for p in parts), ()),
    )


# ---------------------------------------------------------------------------------------------------------------------
# The shape: plain nested data whose leaves are widths (int), lists of ids, or None for a removed block.


def width_at(shape: Shape, name: str) -> int:
    """The width in ``shape`` at the dotted path ``name``."""
    return _entry(shape, name)


def _entry(shape: Any, name: str) -> Any:
    for key in name.split("."):
        shape = shape[int(key) if isinstance(shape, list) else key]
    return shape


def shrink(shape: Shape, units: dict[str, Unit], keep: dict[str, list[int]]) -> Shape:
    """A copy of ``shape`` in which each unit of ``keep`` has only the listed elements.

    A width becomes smaller by the removed rows, a list of ids loses them, a removed block becomes ``None``.
    """
    shape = _copied(shape)
    # Inner units first, because a removed block takes its inner widths with it.
    for name in sorted(keep, key=lambda n: -n.count(".")):
        unit, kept = units[name], keep[name]
        *parents, last = name.split(".")
        holder = _entry(shape, ".".join(parents)) if parents else shape
        key: Any = int(last) if isinstance(holder, list) else last
        old = holder[key]
        if isinstance(old, dict):
            holder[key] = old if kept else None
            continue
        gone = removed_rows(elements(unit.size) if unit.owns is None else unit.owns, kept)
        holder[key] = [e for i, e in enumerate(old) if i not in gone] if isinstance(old, list) else old - len(gone)
    return shape


def _copied(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {k: _copied(v) for k, v in shape.items()}
    return [_copied(v) for v in shape] if isinstance(shape, list) else shape


def removed_rows(index: Tensor, kept: Iterable[int]) -> set[int]:
    """The rows of the elements that are not in ``kept``."""
    gone = torch.ones(index.shape[0], dtype=torch.bool)
    gone[list(kept)] = False
    return set(index[gone].flatten().tolist())

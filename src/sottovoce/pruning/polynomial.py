"""Costs as polynomials in the widths of units: how many entries a tensor has when some elements are removed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from torch import nn

from ..encoder.units import Rows, Unit

Polynomial = dict[tuple[int, ...], float]
"""Coefficient of each product of kept fractions; ``(3, 3, 5)`` stands for ``x_3^2 x_5``, where ``x = width / size``."""

Owners = dict[str, tuple[Unit, list[Rows]]]


def slices(units: Iterable[Unit], model: nn.Module) -> dict[tuple[str, int], Owners]:
    """Which units slice which dimension of which tensor. Blocks slice nothing; their tensors are removed as a whole."""
    tensors = {name for name, _ in (*model.named_parameters(remove_duplicate=False), *model.named_buffers())}
    out: dict[tuple[str, int], Owners] = {}
    for unit in units:
        for rows in unit.rows:
            if rows.parameter not in tensors:
                raise ValueError(f"the unit {unit.name} owns rows of {rows.parameter}, which the network does not have")
            if not unit.contains:
                out.setdefault((rows.parameter, rows.dim), {}).setdefault(unit.name, (unit, []))[1].append(rows)
    return out


def entries(what: str, size: int, owners: list[tuple[int, Unit, list[Rows]]]) -> Polynomial:
    """How many entries one dimension of a tensor has, given the units that own rows of it.

    Args:
        what: the tensor and dimension, for messages.
        size: the size of that dimension as it is.
        owners: for each unit, its index, the unit itself and its rows in this dimension.

    Raises:
        ValueError: rows do not exist, or their number depends on which elements are kept, not only on how many.
    """
    if not owners:
        return {(): float(size)}
    groups = {rows.groups for _, _, all_rows in owners for rows in all_rows}
    if len(groups) > 1:
        raise ValueError(f"{what}: declared with different numbers of groups: {sorted(groups)}")
    (group,) = groups
    total = size * group
    element = np.full((len(owners), total), -1)  # for each unit and entry, the element that owns it; -1: none
    for k, (_, unit, all_rows) in enumerate(owners):
        for rows in all_rows:
            index = rows.index.cpu().flatten(1).numpy()
            if index.size and index.max() >= total:
                raise ValueError(f"{what}: {unit.name} owns row {index.max()} of {total}")
            owner = np.broadcast_to(np.arange(unit.size)[:, None], index.shape)
            element[k, index[index >= 0]] = owner[index >= 0]
    polynomial: Polynomial = {}
    claims = (1 << np.arange(len(owners))) @ (element >= 0)
    for claim in np.unique(claims).tolist():
        claimed = [k for k in range(len(owners)) if claim >> k & 1]
        at = claims == claim
        _check_separable(what, [owners[k][1] for k in claimed], element[claimed][:, at])
        key = tuple(sorted(owners[k][0] for k in claimed))
        polynomial[key] = polynomial.get(key, 0.0) + int(at.sum()) / group
    return polynomial


def _check_separable(what: str, units: list[Unit], element: np.ndarray) -> None:
    """The number of entries left must follow from how many elements each unit keeps.

    One unit: within each stratum, all elements own the same number of entries. Two units ``a`` and ``b``, in either order:
    within each stratum of ``a``, all elements have the same counts of entries in common with the elements of ``b``; and
    within each stratum of ``b``, all elements have equally many entries in common with all of ``a``.
    """
    if not units:
        return
    if len(units) > 2:
        raise ValueError(f"{what}: more than two units own the same rows: {', '.join(u.name for u in units)}")
    if len(units) == 1:
        separable = _even(np.bincount(element[0], minlength=units[0].size), units[0])
    else:
        a, b = units
        pairs = np.bincount(element[0] * b.size + element[1], minlength=a.size * b.size)
        meetings = pairs.reshape(a.size, b.size)
        separable = (_even(meetings, a) and _even(meetings.sum(0), b)) or (
            _even(meetings.T, b) and _even(meetings.sum(1), a)
        )
    if not separable:
        raise ValueError(f"{what}: how many rows stay depends on which elements of {units[-1].name} stay, not how many")


def _even(counts: np.ndarray, unit: Unit) -> bool:
    """Whether dimension 0 (elements of ``unit``) is constant within each stratum."""
    strata = counts.reshape(unit.strata, -1, *counts.shape[1:])
    return bool((strata == strata[:, :1]).all())


def product(a: Polynomial, b: Polynomial) -> Polynomial:
    out: Polynomial = {}
    for m, x in a.items():
        for n, y in b.items():
            key = tuple(sorted(m + n))
            out[key] = out.get(key, 0.0) + x * y
    return out


def add(total: Polynomial, more: Polynomial, times: float = 1.0) -> None:
    """``total += times * more``, in place."""
    for monomial, coefficient in more.items():
        key = tuple(sorted(monomial))
        total[key] = total.get(key, 0.0) + times * coefficient

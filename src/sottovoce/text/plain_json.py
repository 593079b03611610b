"""JSON that every parser reads: NaN and infinity become null, with the reason beside it.

    {"der": inf}                                     -> {"der": null, "der_reason": "infinite"}
    {"der": inf, "der_reason": "nobody speaks"}      -> {"der": null, "der_reason": "nobody speaks"}
    {"bounds": [0.1, nan]}                           -> {"bounds": [0.1, null], "bounds_reason": "not a number"}

This is the only place in the package that writes JSON for others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

REASON = "_reason"
"""Ending of the key that says why a value is null: ``der_reason`` for ``der``."""


def dumps(data: object, *, indent: int | None = None, escaped: bool = False) -> str:
    """Plain data as JSON text (RFC 8259), without a line break at the end.

    Args:
        data: Mappings, sequences, strings, numbers, booleans and ``None``.
        indent: Spaces for each level; ``None`` puts everything on one line.
        escaped: Write characters beyond ASCII as ``\\uXXXX``, for outputs that cannot hold them.

    Returns:
        The text. NaN and infinities are written as `finite` replaces them.
    """
    try:
        return json.dumps(data, indent=indent, ensure_ascii=escaped, allow_nan=False)
    except ValueError:
        return json.dumps(finite(data), indent=indent, ensure_ascii=escaped, allow_nan=False)


def finite(data: object) -> object:
    """A copy of plain data in which every NaN and every infinity is ``None``.

    The nearest mapping around it gets a key with the ending ``_reason`` that says why; an existing reason is kept.
    """
    return _replaced(data)[0]


def why_not_finite(value: float) -> str | None:
    """Why a number cannot be written as JSON; ``None`` where it can.

    >>> why_not_finite(float("nan")), why_not_finite(1.5)
    ('not a number', None)
    """
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinity"
    return None


def _replaced(data: Any) -> tuple[Any, str | None]:
    """The data, and the reason for the first null that no mapping inside them explains."""
    if isinstance(data, float):
        reason = why_not_finite(data)
        return (data if reason is None else None), reason
    if isinstance(data, Mapping):
        made: dict[Any, Any] = {}
        for key, value in data.items():
            made[key], reason = _replaced(value)
            if reason is not None and f"{key}{REASON}" not in data:
                made[f"{key}{REASON}"] = reason
        return made, None
    if isinstance(data, list | tuple):
        pairs = [_replaced(each) for each in data]
        return [value for value, _ in pairs], next((reason for _, reason in pairs if reason is not None), None)
    return data, None

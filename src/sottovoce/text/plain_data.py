"""Reading of plain data, such as the results of an evaluation or a section of a config: numbers and tables in tables."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import TypeAlias

from ..errors import DataError

PlainData: TypeAlias = Mapping[str, object]
"""What JSON and YAML can hold below a key: text, numbers, flags, nothing, lists, and tables of these."""


def table_in(data: PlainData, *path: str) -> PlainData:
    """The table at a path of keys.

    Raises:
        DataError: there is something else, or nothing.
    """
    for k, key in enumerate(path):
        found = data.get(key)
        if not isinstance(found, Mapping):
            raise DataError(f"{'.'.join(path[: k + 1])}: a table is needed here, not {found!r:.80}")
        data = found
    return data


def number_in(data: PlainData, *path: str) -> float:
    """The number at a path of keys.

    Raises:
        DataError: there is something else, or nothing.
    """
    found = table_in(data, *path[:-1]).get(path[-1])
    if not isinstance(found, Real) or isinstance(found, bool):
        raise DataError(f"{'.'.join(path)}: a number is needed here, not {found!r:.80}")
    return int(found) if isinstance(found, Integral) else float(found)


def whole_in(data: PlainData, *path: str) -> int:
    """The whole number at a path of keys.

    Raises:
        DataError: there is something else, or nothing.
    """
    if not isinstance(found := number_in(data, *path), int):
        raise DataError(f"{'.'.join(path)}: a whole number is needed here, not {found!r:.80}")
    return found

"""Unique names for utterances of lists that have no names, where several may have the same file and start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..rows import CorpusRow


def exact_time(seconds: float) -> str:
    """A time with all its digits, so that different times have different names."""
    return repr(float(seconds)).removesuffix(".0")


_SUFFIXES: list[Callable[[CorpusRow], str | None]] = [
    lambda row: None if row.start is None else f"@{exact_time(row.start)}",
    lambda row: None if row.speaker is None else f"#{row.speaker}",
    lambda row: None if row.duration is None and row.end is None else f"+{exact_time(row.duration or row.end or 0.0)}",
]
"""Functions that give a suffix by which rows of the same name may differ, in order of preference."""


def with_unique_names(rows: Sequence[CorpusRow]) -> list[CorpusRow]:
    """Make equal names different by adding start, speaker, duration or a number. Duplicate rows keep the same name."""
    by_name: dict[str, dict[str, CorpusRow]] = defaultdict(dict)
    for row in rows:
        by_name[row.name].setdefault(_content(row), row)
    appended: dict[str, dict[str, str | None]] = {}
    for name, alike in by_name.items():
        suffixes = [[suffix(row) for row in alike.values()] for suffix in _SUFFIXES]
        suffixes = [each for each in suffixes if None not in each and len(set(each)) == len(alike)]
        numbers: list[str | None] = [f"#{number}" for number in range(1, len(alike) + 1)]
        appended[name] = dict(zip(alike, suffixes[0] if suffixes else numbers, strict=True)) if len(alike) > 1 else {}
    return [replace(row, name=row.name + (appended[row.name].get(_content(row)) or "")) for row in rows]


def _content(row: CorpusRow) -> str:
    """All fields of a row except its file and line, as text."""
    return repr(replace(row, where=""))

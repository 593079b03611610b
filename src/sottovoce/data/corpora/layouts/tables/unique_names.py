"""Names of utterances for lists that give them none: several may be of one file, even of one time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..rows import CorpusRow


def exact_time(seconds: float) -> str:
    """A time in as many digits as it needs: no two times are called the same."""
    return repr(float(seconds)).removesuffix(".0")


_MARKS: list[Callable[[CorpusRow], str | None]] = [
    lambda row: None if row.start is None else f"@{exact_time(row.start)}",
    lambda row: None if row.speaker is None else f"#{row.speaker}",
    lambda row: None if row.duration is None and row.end is None else f"+{exact_time(row.duration or row.end or 0.0)}",
]
"""What tells rows of one name apart, the best first."""


def with_unique_names(rows: Sequence[CorpusRow]) -> list[CorpusRow]:
    """Rows of one name get its start, its speaker, its length or a number behind. What is listed twice stays so."""
    called: dict[str, dict[str, CorpusRow]] = defaultdict(dict)
    for row in rows:
        called[row.name].setdefault(_said(row), row)
    behind: dict[str, dict[str, str | None]] = {}
    for name, alike in called.items():
        marks = [[mark(row) for row in alike.values()] for mark in _MARKS]
        marks = [each for each in marks if None not in each and len(set(each)) == len(alike)]
        numbers: list[str | None] = [f"#{number}" for number in range(1, len(alike) + 1)]
        behind[name] = dict(zip(alike, marks[0] if marks else numbers, strict=True)) if len(alike) > 1 else {}
    return [replace(row, name=row.name + (behind[row.name].get(_said(row)) or "")) for row in rows]


def _said(row: CorpusRow) -> str:
    """All that a list says of a row."""
    return repr(replace(row, where=""))

"""What every layout gives: one row for each utterance, not yet checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True)
class Row:
    """An utterance as a corpus lists it.

    Attributes:
        name: id of the cut it becomes, by which trials refer to it.
        path: the audio file.
        where: where the corpus says so, for errors (``manifest.tsv line 7``).
        split: name of the set it belongs to.
        speaker, text, gender: ``None`` where the corpus does not say.
        duration: seconds as the corpus says, checked against the file.
        custom: further columns.
    """

    name: str
    path: Path
    where: str
    split: str = "all"
    speaker: str | None = None
    text: str | None = None
    gender: str | None = None
    duration: float | None = None
    custom: dict[str, str] = field(default_factory=dict)


Layout: TypeAlias = Callable[[Path, list[str]], list[Row]]
"""``layout(source, faults) -> rows``: reads a corpus; what it cannot read goes into ``faults``, with file and line."""

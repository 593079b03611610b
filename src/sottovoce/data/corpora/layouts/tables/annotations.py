"""Annotations of the recordings in a table, from its columns or from further files: turns, regions, words, slots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...rttm import Region
from ..rows import CorpusRow, Segment
from .cells import unquote_json
from .turns import References, read_turns

_SAME = 0.011
"""Maximum difference in seconds between the times of a turn in two references, which may be rounded."""


class Annotations:
    """Turns and scored regions of the recordings in a table.

    Args:
        folder: folder that paths in the columns ``rttm`` and ``uem`` are relative to.
        rttm, uem: files or folders for the whole table; ``None`` if the table has columns for them, or no such annotations.
        faults: list to which faults are added.
    """

    def __init__(self, folder: Path, rttm: Path | None, uem: Path | None, faults: list[str]) -> None:
        self.folder, self.faults, self.uem = folder, faults, uem
        self._turns = read_turns(rttm, faults) if rttm is not None else None
        self._used: dict[str, Path] = {}
        self._references = References(faults)

    def turns(self, fields: Mapping[str, str], path: Path, where: str) -> tuple[list[Segment] | None, Sequence[Region]]:
        """The segments of a recording (``None`` if the table has no turns), and the regions that are not scored."""
        turns: list[Segment] | None = None
        unscored: Sequence[Region] = ()
        if self._turns is not None:
            self._check_stem(path, where)
            turns, unscored = self._turns.segments.get(path.stem, []), self._turns.unscored.get(path.stem, ())
        elif name := fields.get("rttm", "").strip():
            turns, unscored = self._references.turns(self.folder / name, path.stem, where)
        if not fields.get("seglst", "").strip():
            return turns, unscored
        spoken = _seglst(unquote_json(fields["seglst"]), where, self.faults)
        if turns is not None and spoken is not None and not _agree(turns, spoken):
            self.faults.append(f"{where}: the turns of its RTTM and those of its seglst are not the same")
        return spoken, unscored

    def regions(self, fields: Mapping[str, str], path: Path, where: str) -> list[Region] | None:
        """The scored regions of a recording; ``None`` where the table has none."""
        if self.uem is not None:
            self._check_stem(path, where)
            return self._references.regions(self.uem, path.stem, where)
        if name := fields.get("uem", "").strip():
            return self._references.regions(self.folder / name, path.stem, where)
        return None

    def _check_stem(self, path: Path, where: str) -> None:
        """Report different files of the same stem, as turns and regions are looked up by it."""
        if (other := self._used.setdefault(path.stem, path)) != path:
            self.faults.append(f"{where}: {path} and {other} are both {path.stem} in the references; map a column rttm")

    def report_unused(self, rows: list[CorpusRow]) -> None:
        """Report turns of recordings that are not in the table."""
        segments = self._turns.segments if self._turns is not None and rows else {}
        for name in sorted(segments.keys() - self._used.keys()):
            first = segments[name][0]
            self.faults.append(f"{first.where}: unknown recording {name}: the table has none of that name")


def parse_slots(text: str, where: str, faults: list[str]) -> list[dict[str, str]]:
    """``{"size": "large"}`` as ``[{"type": "size", "filler": "large"}]``, the form of SLURP."""
    value = _json(text, "slots", where, faults)
    if isinstance(value, dict) and all(isinstance(filler, str) for filler in value.values()):
        return [{"type": name, "filler": filler} for name, filler in value.items()]
    if value is not None:
        faults.append(f'{where}: slots is no JSON object of strings, such as {{"size": "large"}}')
    return []


def _seglst(text: str, where: str, faults: list[str]) -> list[Segment] | None:
    value = _json(text, "seglst", where, faults)
    if value is None:
        return None
    try:
        found = []
        for item in value:
            start, end = float(item["start_time"]), float(item["end_time"])
            if not (isinstance(item["speaker"], str) and isinstance(item["words"], str) and 0 <= start < end):
                raise ValueError(item)
            if not item["words"].strip():
                faults.append(f"{where}: the words of {item['speaker']} from {start:g} s are empty")
            found.append(Segment(start, end, where, item["speaker"], item["words"]))
        return sorted(found, key=lambda segment: (segment.start, segment.end))
    except (TypeError, KeyError, ValueError, AttributeError):  # valid JSON of another form
        faults.append(f"{where}: seglst is no list of objects with speaker, start_time, end_time and words")
        return None


def _json(text: str, what: str, where: str, faults: list[str]) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        faults.append(f"{where}: {what} is no JSON ({error})")
        return None


def _agree(turns: list[Segment], spoken: list[Segment]) -> bool:
    def near(a: Segment, b: Segment) -> bool:
        return a.speaker == b.speaker and abs(a.start - b.start) < _SAME and abs(a.end - b.end) < _SAME

    return len(turns) == len(spoken) and all(any(near(turn, segment) for segment in spoken) for turn in turns)

"""RTTM and UEM files, or folders of them, with the line of every turn."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from ..rttm import Region, read_rttm, read_uem
from .listing import is_folder, read_lines
from .rows import Segment


class References:
    """The RTTM and UEM files that the lines of a list name, each read once however many lines name it.

    Args:
        faults: where faults go: those of a file once, and each line whose recording a file does not have.
    """

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        self._turns: dict[Path, dict[str, list[Segment]]] = {}
        self._regions: dict[Path, dict[str, list[Region]]] = {}

    def segments(self, source: Path, recording: str, where: str) -> list[Segment]:
        """Who speaks when; an RTTM without any turn says that nobody does."""
        if source not in self._turns:
            self._turns[source] = read_turns(source, self.faults)
        found = self._turns[source]
        if found and recording not in found:
            others = ", ".join(list(found)[:3])
            self.faults.append(f"{where}: {source} has no recording {recording}, only {others}")
        return found.get(recording, [])

    def regions(self, source: Path, recording: str, where: str) -> list[Region] | None:
        """What is scored; ``None``, with a fault, where the UEM does not say."""
        if source not in self._regions:
            self._regions[source] = read_regions(source, self.faults)
        found = self._regions[source]
        if found and recording not in found:  # without any it could not be read, which has been told
            self.faults.append(f"{where}: {source} has no region of {recording}")
        return found.get(recording)


def read_turns(source: Path, faults: list[str]) -> dict[str, list[Segment]]:
    """Turns by recording, of one RTTM file or all below a folder."""
    found: dict[str, list[Segment]] = {}
    for path in _files(source, ".rttm", faults):
        try:
            turns = read_rttm(path)
        except ValueError as error:  # a DataError, or of a path with a NUL in it
            faults += _apart(path, error)
            continue
        lines = _turn_lines(path)
        for name, said in turns.items():
            if name in found:
                faults.append(f"{path}: the recording {name} is in {found[name][0].where} already")
            wheres = [lines[name, turn.start, turn.speaker].pop(0) for turn in said]
            found[name] = [
                Segment(turn.start, turn.end, where, turn.speaker) for turn, where in zip(said, wheres, strict=True)
            ]
    return found


def read_regions(source: Path, faults: list[str]) -> dict[str, list[Region]]:
    """Scored regions by recording, of one UEM file or all below a folder."""
    found: dict[str, list[Region]] = {}
    for path in _files(source, ".uem", faults):
        try:
            regions = read_uem(path)
        except ValueError as error:  # a DataError, or of a path with a NUL in it
            faults += _apart(path, error)
            continue
        for name in regions.keys() & found.keys():
            faults.append(f"{path}: the recording {name} is in another file already")
        found |= regions
    return found


def _files(source: Path, ending: str, faults: list[str]) -> list[Path]:
    if not is_folder(source):
        return [source]
    files = sorted(path for path in source.rglob(f"*{ending}") if path.is_file())
    if not files:
        faults.append(f"{source}: no {ending} file in it")
    return files


def _turn_lines(path: Path) -> dict[tuple[str, float, str], list[str]]:
    """Where a recording's turns are, by onset and speaker; the file has been read without a fault."""
    lines: dict[tuple[str, float, str], list[str]] = defaultdict(list)
    for where, fields in read_lines(path, []):
        if fields[0] == "SPEAKER":
            lines[fields[1], round(float(fields[3]), 6), fields[7]].append(where)
    return lines


def _apart(path: Path, error: ValueError) -> list[str]:
    """The faults of a file, which its reader tells in one line, one by one."""
    said = str(error).removeprefix(f"{path}: ")
    return [f"{path} {each}" if each.startswith("line ") else f"{path}: {each}" for each in _FAULT.split(said)]


_FAULT = re.compile(r"; (?=line \d+: |and \d+ more$)")

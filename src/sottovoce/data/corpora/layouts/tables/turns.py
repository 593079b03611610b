"""RTTM and UEM files, or folders of them, with the line of every turn."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from .....errors import DataError
from ....audio.file_search import find_files
from ...rttm import Region, read_rttm, read_uem, warn_skipped_records
from ..listing import is_folder
from ..rows import Segment


class Turns(NamedTuple):
    """What RTTM files say, by recording.

    Attributes:
        segments: who speaks when; recordings in which nobody does are absent.
        unscored: stretches that the reference leaves out of scores.
    """

    segments: dict[str, list[Segment]]
    unscored: dict[str, list[Region]]


class References:
    """The RTTM and UEM files that the lines of a list name, each read once however many lines name it.

    Args:
        faults: where faults go: those of a file once, and each line whose recording a file does not have.
    """

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        self._turns: dict[Path, Turns] = {}
        self._regions: dict[Path, dict[str, list[Region]]] = {}

    def turns(self, source: Path, recording: str, where: str) -> tuple[list[Segment], list[Region]]:
        """Who speaks when, and what is not scored; an RTTM without any turn says that nobody does."""
        if source not in self._turns:
            self._turns[source] = read_turns(source, self.faults)
        found = self._turns[source]
        if found.segments and recording not in found.segments:
            others = ", ".join(list(found.segments)[:3])
            self.faults.append(f"{where}: {source} has no recording {recording}, only {others}")
        return found.segments.get(recording, []), found.unscored.get(recording, [])

    def regions(self, source: Path, recording: str, where: str) -> list[Region] | None:
        """What is scored; ``None``, with a fault, where the UEM does not say."""
        if source not in self._regions:
            self._regions[source] = read_regions(source, self.faults)
        found = self._regions[source]
        if found and recording not in found:  # without any it could not be read, which has been told
            self.faults.append(f"{where}: {source} has no region of {recording}")
        return found.get(recording)


def read_turns(source: Path, faults: list[str]) -> Turns:
    """Turns by recording, of one RTTM file or all below a folder."""
    found = Turns({}, {})
    passed: Counter[str] = Counter()
    for path in _files(source, ".rttm", faults):
        try:
            read = read_rttm(path)
        except DataError as error:
            faults += _apart(path, error)
            continue
        passed += read.passed
        for name, turns in read.items():
            if name in found.segments:
                faults.append(f"{path}: the recording {name} is in {found.segments[name][0].where} already")
            found.segments[name] = [
                Segment(turn.start, turn.end, f"{path} line {line}", turn.speaker)
                for turn, line in zip(turns, read.lines[name], strict=True)
            ]
        for name, zones in read.zones.items():
            everywhere, nonlexical = zones.unscored(read.get(name, []))
            found.unscored[name] = [Region(*each) for each in (*everywhere, *nonlexical)]
    warn_skipped_records(source, passed)
    return found


def read_regions(source: Path, faults: list[str]) -> dict[str, list[Region]]:
    """Scored regions by recording, of one UEM file or all below a folder."""
    found: dict[str, list[Region]] = {}
    for path in _files(source, ".uem", faults):
        try:
            regions = read_uem(path)
        except DataError as error:
            faults += _apart(path, error)
            continue
        for name in regions.keys() & found.keys():
            faults.append(f"{path}: the recording {name} is in another file already")
        found |= regions
    return found


def _files(source: Path, ending: str, faults: list[str]) -> list[Path]:
    if not is_folder(source):
        return [source]
    files = find_files(source, {ending}).files
    if not files:
        faults.append(f"{source}: no {ending} file in it")
    return files


def _apart(path: Path, error: DataError) -> list[str]:
    """The faults of a file, which its reader tells in one line, one by one."""
    said = str(error).removeprefix(f"{path}: ")
    return [f"{path} {each}" if each.startswith("line ") else f"{path}: {each}" for each in _FAULT.split(said)]


_FAULT = re.compile(r"; (?=line \d+: |and \d+ more$)")

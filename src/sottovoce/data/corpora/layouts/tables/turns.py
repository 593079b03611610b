"""The turns and regions of RTTM and UEM files, or folders of them, with file and line."""

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
    """The content of RTTM files.

    Attributes:
        segments: the segments of each recording; recordings without speech are absent.
        unscored: the regions of each recording that the reference excludes from scoring.
    """

    segments: dict[str, list[Segment]]
    unscored: dict[str, list[Region]]


class References:
    """The RTTM and UEM files to which the lines of a list refer; each is read once.

    Args:
        faults: list to which faults of the files are added, and a fault for each line whose recording is not in its file.
    """

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        self._turns: dict[Path, Turns] = {}
        self._regions: dict[Path, dict[str, list[Region]]] = {}

    def turns(self, source: Path, recording: str, where: str) -> tuple[list[Segment], list[Region]]:
        """The segments of a recording, and its regions that are not scored. An RTTM without turns is valid: nobody speaks."""
        if source not in self._turns:
            self._turns[source] = read_turns(source, self.faults)
        found = self._turns[source]
        if found.segments and recording not in found.segments:
            others = ", ".join(list(found.segments)[:3])
            self.faults.append(f"{where}: {source} has no recording {recording}, only {others}")
        return found.segments.get(recording, []), found.unscored.get(recording, [])

    def regions(self, source: Path, recording: str, where: str) -> list[Region] | None:
        """The scored regions of a recording; ``None``, with a fault, where the UEM does not have it."""
        if source not in self._regions:
            self._regions[source] = read_regions(source, self.faults)
        found = self._regions[source]
        if found and recording not in found:  # if there are none, the UEM could not be read, which is reported already
            self.faults.append(f"{where}: {source} has no region of {recording}")
        return found.get(recording)


def read_turns(source: Path, faults: list[str]) -> Turns:
    """The turns of each recording in an RTTM file, or in all RTTM files below a folder."""
    found = Turns({}, {})
    skipped: Counter[str] = Counter()
    for path in _files(source, ".rttm", faults):
        try:
            read = read_rttm(path)
        except DataError as error:
            faults += _split_faults(path, error)
            continue
        skipped += read.skipped
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
    warn_skipped_records(source, skipped)
    return found


def read_regions(source: Path, faults: list[str]) -> dict[str, list[Region]]:
    """The scored regions of each recording in a UEM file, or in all UEM files below a folder."""
    found: dict[str, list[Region]] = {}
    for path in _files(source, ".uem", faults):
        try:
            regions = read_uem(path)
        except DataError as error:
            faults += _split_faults(path, error)
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


def _split_faults(path: Path, error: DataError) -> list[str]:
    """The faults of a file as a list, from the error in which its reader joins them."""
    text = str(error).removeprefix(f"{path}: ")
    return [f"{path} {each}" if each.startswith("line ") else f"{path}: {each}" for each in _FAULT.split(text)]


_FAULT = re.compile(r"; (?=line \d+: |and \d+ more$)")

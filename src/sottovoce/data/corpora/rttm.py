"""RTTM and UEM: who speaks when, and which parts of a recording are scored (NIST Rich Transcription).

    SPEAKER meeting1 1 12.500 3.250 <NA> <NA> anna <NA> <NA>      recording, channel, onset, duration, ..., speaker
    NOSCORE meeting1 1 60.000 9.000 <NA> <NA> <NA> <NA> <NA>      left out of scores; NON-LEX too, see `Zones`
    meeting1 1 0.000 1800.000                                     recording, channel, start, end

Times are rounded to microseconds, so that times that are written and read again are the same numbers.
"""

from __future__ import annotations

import logging
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ...errors import DataError
from ...files import unwritable, write_text
from ...metrics.speaker_time import LONGEST
from ...metrics.unscored_zones import Zones, merge_stretches
from ...quantities import Seconds
from ...text.text_files import lines

_SHOWN = 20
"""Number of faults of a file that are listed before "and n more"."""

_DIGITS = 6
"""Decimals of a second that are kept: times are whole microseconds."""

_ZONES = {"NOSCORE": "noscore", "NON-LEX": "nonlexical", "LEXEME": "words"}
"""Records that affect scoring -> the field of `Zones`."""

_OTHER_RECORDS = {
    "SEGMENT", "NO_RT_METADATA", "NON-SPEECH", "FILLER", "EDIT", "IP", "SU", "CB", "A/P", "SPKR-INFO",
}  # fmt: skip
"""Records of the standard without information about who speaks when."""

_log = logging.getLogger(__name__)


class Turn(NamedTuple):
    """One speaker speaks from ``start`` to ``end``, in seconds."""

    start: Seconds
    end: Seconds
    speaker: str


class Region(NamedTuple):
    """A part of a recording, from ``start`` to ``end`` in seconds."""

    start: Seconds
    end: Seconds


class Rttm(dict[str, list[Turn]]):
    """The turns of each recording, and the other content of an RTTM file.

    Attributes:
        zones: the unscored zones of each recording that has any.
        lines: the line numbers of the turns of each recording.
        skipped: number of the other records, by type.
    """

    def __init__(self) -> None:
        super().__init__()
        self.zones: dict[str, Zones] = {}
        self.lines: dict[str, list[int]] = {}
        self.skipped: Counter[str] = Counter()


def read_rttm(path: str | Path) -> Rttm:
    """The turns of every recording in an RTTM file, in order of start, end and speaker.

    Comments (``;``, ``#``) and empty lines are skipped, and other records of the standard are counted. Turns may overlap,
    also those of one speaker, as they do in published references.

    Args:
        path: a text file. ``SPEAKER`` lines have 9 or 10 columns.

    Returns:
        Turns by recording. A recording in which nobody speaks has no line and is absent.

    Raises:
        DataError: the file is missing or not text; or, all listed with their lines: an unknown record, a wrong number
            of columns, an onset below 0, a duration that is not above 0, times beyond any recording, the speaker
            ``<NA>``, a second channel of one recording.
    """
    rttm = Rttm()
    found: dict[str, list[tuple[Turn, int]]] = defaultdict(list)
    zones: dict[str, dict[str, list[Region]]] = defaultdict(lambda: {field: [] for field in Zones._fields})

    def take(number: int, fields: list[str]) -> None:
        kind = fields[0].upper()
        if kind in _OTHER_RECORDS or kind == "LEXEME":
            rttm.skipped[kind] += 1
        if kind in _OTHER_RECORDS:
            return
        if kind != "SPEAKER" and kind not in _ZONES:
            raise _Fault(f"unknown record {fields[0][:40]!r}; turns are 'SPEAKER <recording> 1 <onset> <duration> ...'")
        if len(fields) not in (9, 10):
            raise _Fault(f"{len(fields)} columns, a {kind} line has 10")
        start = _number(fields[3], "onset")
        duration = 0.0 if kind != "SPEAKER" and fields[4] == "<NA>" else _number(fields[4], "duration")
        if start < 0 or duration < 0 or (kind == "SPEAKER" and duration == 0):
            raise _Fault(f"onset {fields[3]} and duration {fields[4]}; a turn starts at 0 or later and lasts a while")
        end = _rounded(start + duration)
        if kind != "SPEAKER":
            if start < end:
                zones[fields[1]][_ZONES[kind]].append(Region(start, end))
            return
        if fields[7] == "<NA>":
            raise _Fault("the speaker is <NA>; every turn needs one")
        found[fields[1]].append((Turn(start, end, fields[7]), number))

    _read(Path(path), take, lambda fields: fields[0].upper() in ("SPEAKER", "NOSCORE", "NON-LEX"))
    for name in sorted(found):
        ordered = sorted(found[name])
        rttm[name], rttm.lines[name] = [turn for turn, _ in ordered], [line for _, line in ordered]
    rttm.zones = {name: Zones(**each) for name, each in sorted(zones.items())}
    return rttm


def warn_skipped_records(source: str | Path, skipped: Mapping[str, int]) -> None:
    """Log which records were skipped."""
    if skipped:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(skipped.items()))
        _log.warning("%s: skipped the records %s, which do not say who speaks when", source, kinds)


def write_rttm(turns: Mapping[str, Iterable[tuple[Seconds, Seconds, str]]], path: str | Path) -> Path:
    """Write turns to an RTTM file, sorted by recording, start, end and speaker.

    Args:
        turns: ``(start, end, speaker)`` by recording, as `read_rttm` gives them.
        path: the file, which is written completely or not at all.

    Raises:
        DataError: a name is empty or has blanks in it, times are not finite, out of order or below 0, or the file
            cannot be written.
    """
    return _write("".join(f"{line}\n" for line in rttm_lines(turns, str(path))), Path(path))


def rttm_lines(turns: Mapping[str, Iterable[tuple[Seconds, Seconds, str]]], where: str = "RTTM") -> Iterator[str]:
    """The lines that `write_rttm` writes.

    Args:
        turns: ``(start, end, speaker)`` by recording.
        where: name of the file in error messages.

    Raises:
        DataError: as `write_rttm`.
    """
    for name in sorted(turns):
        for start, end, speaker in sorted(turns[name]):
            _check_name(name, "recording", where)
            _check_name(speaker, "speaker", where)
            start, end = _check_times(start, end, name, where)
            length = _rounded(end - start)
            yield f"SPEAKER {name} 1 {_text(start)} {_text(length)} <NA> <NA> {speaker} <NA> <NA>"


def read_uem(path: str | Path) -> dict[str, list[Region]]:
    """The scored regions of every recording in a UEM file; regions that overlap or touch become one.

    Raises:
        DataError: the file is missing, not text or without regions; or, all listed with their lines: not four
            columns, a start below 0, an end that is not after the start, a second channel of one recording.
    """
    found: dict[str, list[Region]] = defaultdict(list)

    def take(number: int, fields: list[str]) -> None:
        if len(fields) != 4:
            raise _Fault(f"{len(fields)} columns, a region is '<recording> <channel> <start> <end>'")
        start, end = _number(fields[2], "start"), _number(fields[3], "end")
        if not 0 <= start < end:
            raise _Fault(f"from {fields[2]} to {fields[3]} s; a region starts at 0 or later and ends after its start")
        found[fields[0]].append(Region(start, end))

    _read(Path(path), take, lambda fields: len(fields) == 4, column=0)
    if not found:
        raise DataError(f"{path}: no regions in it")
    return {name: merge_regions(found[name]) for name in sorted(found)}


def write_uem(regions: Mapping[str, Iterable[tuple[Seconds, Seconds]]], path: str | Path) -> Path:
    """Write regions to a UEM file, merged and sorted.

    Raises:
        DataError: as `write_rttm`.
    """
    written = []
    for name in sorted(regions):
        _check_name(name, "recording", path)
        checked = [Region(*_check_times(start, end, name, path)) for start, end in regions[name]]
        written += [f"{name} 1 {_text(start)} {_text(end)}\n" for start, end in merge_regions(checked)]
    return _write("".join(written), Path(path))


def merge_regions(regions: Iterable[tuple[Seconds, Seconds]]) -> list[Region]:
    """The regions in order, where those that overlap or touch are merged."""
    return [Region(*each) for each in merge_stretches(regions)]


class _Fault(Exception):
    """A fault of one line; its text says what is wrong."""


def _read(
    path: Path, take: Callable[[int, list[str]], None], relevant: Callable[[list[str]], bool], *, column: int = 1
) -> None:
    """Call ``take`` with the number and columns of each line, and raise one error for all faults.

    Args:
        path: the file.
        take: reads one line.
        relevant: tells whether the channel of a line must be the same as in the other lines of its recording.
        column: index of the column of the recording; the channel is in the next column.
    """
    faults: list[str] = []
    channels: dict[str, tuple[str, int]] = {}
    for number, line in lines(path):
        fields = line.split()
        if not fields or fields[0][0] in ";#":
            continue
        try:
            take(number, fields)
            if relevant(fields):
                recording, channel = fields[column : column + 2]
                first, where = channels.setdefault(recording, (channel, number))
                if channel != first:
                    raise _Fault(f"channel {channel} of {recording}, line {where} has {first}; score channels apart")
        except _Fault as fault:
            faults.append(f"line {number}: {fault}")
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise DataError(f"{path}: {'; '.join(faults[:_SHOWN])}{more}")


def _number(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise _Fault(f"the {what} {text[:40]!r} is not a number of seconds") from None
    if not math.isfinite(value):
        raise _Fault(f"the {what} {text!r} is not finite")
    if value > LONGEST:
        raise _Fault(f"the {what} {text!r} is beyond any recording; times are in seconds")
    return _rounded(value)


def _rounded(seconds: float) -> float:
    return round(seconds, _DIGITS)


def _text(seconds: float) -> str:
    """A time in seconds with three decimals, or more if they are needed."""
    text = f"{seconds:.{_DIGITS}f}"
    return text[: 3 - _DIGITS] + text[3 - _DIGITS :].rstrip("0")


def _check_name(name: str, what: str, path: str | Path) -> None:
    if not name or name.split() != [name] or name == "<NA>" or name.startswith(";;"):
        raise DataError(f"{path}: {name!r} cannot name a {what}; names have no blanks and are not empty or <NA>")


def _check_times(start: float, end: float, name: str, path: str | Path) -> tuple[float, float]:
    if not (math.isfinite(start) and math.isfinite(end)):
        raise DataError(f"{path}: {name}: from {start} to {end} s is not finite")
    start, end = _rounded(start), _rounded(end)
    if not 0 <= start < end:
        raise DataError(f"{path}: {name}: from {start} to {end} s; it must start at 0 or later and end after its start")
    return start, end


def _write(text: str, path: Path) -> Path:
    with unwritable(path):
        write_text(path, text)
    return path

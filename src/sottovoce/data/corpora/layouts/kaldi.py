"""A Kaldi data directory: ``wav.scp``, and optionally ``segments``, ``utt2spk``, ``text``, ``spk2gender`` and
``reco2file_and_channel``.

wav.scp    meeting1 audio/meeting1.wav           or, only where pipes are allowed,  meeting1 sph2pipe -f wav x.sph |
segments   anna-0001 meeting1 12.50 15.75        (an end of -1 is the end of the recording; optionally a channel: 0, 1, A, B)
utt2spk    anna-0001 anna
text       anna-0001 GOOD MORNING
reco2file_and_channel   sw02001-A sw02001 A      (A is channel 0, B channel 1)
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ....errors import AudioError, DataError
from ....text.text_files import lines
from .listing import parse_seconds, path_exists, resolve_path
from .rows import CorpusRow


class _Line(NamedTuple):
    value: str
    where: str


class _File(NamedTuple):
    """One file of the directory.

    Attributes:
        lines: key -> the rest of its line.
        keys: all keys, including those of faulty lines.
        exists: whether the file exists.
        complete: whether it could be read to its end.
    """

    lines: dict[str, _Line]
    keys: set[str]
    exists: bool
    complete: bool

    def lacks(self, key: str) -> bool:
        """Whether a key is missing; false if the file could not be read to its end, which is reported already."""
        return self.complete and key not in self.keys


class _Segment(NamedTuple):
    recording: str
    start: float
    end: float | None
    where: str
    channel: int | None


_CHANNELS = {"A": 0, "a": 0, "B": 1, "b": 1}
"""Name of a side of a call -> its channel."""


def kaldi_layout(
    source: Path,
    faults: list[str],
    *,
    audio: Path | None = None,
    allow_pipes: bool = False,
    allow_overlap: bool = False,
) -> list[CorpusRow]:
    """One row for each utterance; without ``segments``, every recording is one utterance.

    Args:
        source: the directory.
        audio: folder that paths are relative to; default: the directory, or the working directory if the file exists there.
        allow_pipes: run the commands that ``wav.scp`` has in place of files; their output is written as FLAC.
        allow_overlap: allow segments of one speaker to overlap.
    """
    if not source.is_dir():
        faults.append(f"{source}: not a folder; a Kaldi data directory has a wav.scp in it")
        return []
    files = {name: _pairs(source / name, faults) for name in ("utt2spk", "text", "spk2gender")}
    scp = _pairs(source / "wav.scp", faults, needed=True)
    recordings: dict[str, tuple[Path, Callable[[], bytes] | None]] = {}
    for name, (value, where) in scp.lines.items():
        if value.endswith("|") or value.startswith("|"):
            if not allow_pipes:
                faults.append(f"{where}: {name} is a command, and commands are only run with --allow-pipes")
            recordings[name] = source / name, _Pipe(value.strip("| "), where)
        elif re.search(r"\.ark:\d+$", value):
            faults.append(f"{where}: {name} lies in an archive ({value[-60:]}); copy it into a file with wav-copy")
        else:
            recordings[name] = resolve_path(audio or source, value), None
    sides = _sides(source / "reco2file_and_channel", scp, faults)
    parts = _pairs(source / "segments", faults)
    rows = []
    if parts.exists:
        for name, (recording, start, end, where, channel) in _segments(parts, faults).items():
            if scp.lacks(recording):
                faults.append(f"{where}: the recording {recording} is not in wav.scp")
            elif recording in recordings:
                path, pipe = recordings[recording]
                rows.append(CorpusRow(name, path, where, content=pipe, recording=recording, start=start, end=end,
                                channel=channel, side=sides.get(recording)))  # fmt: skip
    else:
        rows = [CorpusRow(name, path, scp.lines[name].where, content=pipe, side=sides.get(name))
                for name, (path, pipe) in recordings.items()]  # fmt: skip
    known, known_name = (parts, "segments") if parts.exists else (scp, "wav.scp")
    for file in ("utt2spk", "text"):
        listed = files[file]
        faults += [f"{each.where}: {name} is not in {known_name}"
                   for name, each in listed.lines.items() if known.lacks(name)]  # fmt: skip
        if listed.exists:  # an empty file, left by a failed script, lacks every utterance
            faults += [f"{row.where}: {row.name} is not in {file}" for row in rows if listed.lacks(row.name)]
    faults += [f"{each.where}: the transcript of {name} is empty"
               for name, each in files["text"].lines.items() if not each.value]  # fmt: skip
    rows = [_described(row, files) for row in rows]
    if not allow_overlap:
        faults += _overlaps(rows)
    return rows


def _described(row: CorpusRow, files: Mapping[str, _File]) -> CorpusRow:
    speaker, text = (files[name].lines.get(row.name) for name in ("utt2spk", "text"))
    gender = files["spk2gender"].lines.get(speaker.value) if speaker is not None else None
    return replace(
        row,
        speaker=speaker.value if speaker is not None else None,
        text=text.value if text is not None else None,
        gender=gender.value if gender is not None else None,
    )


def _pairs(path: Path, faults: list[str], *, needed: bool = False) -> _File:
    """Key -> the rest of its line. A repeated key is a fault, and so is a key without a value, except in ``text``."""
    if not needed and not path_exists(path):
        return _File({}, set(), exists=False, complete=True)
    found: dict[str, _Line] = {}
    keys: set[str] = set()
    try:
        for number, line in lines(path):
            key, _, value = line.strip().replace("\t", " ", 1).partition(" ")
            where = f"{path} line {number}"
            if not key:
                continue
            keys.add(key)
            if key in found:
                faults.append(f"{where}: {key} is listed before, at {found[key].where}")
            elif not value.strip() and path.name != "text":
                faults.append(f"{where}: {key} has no value")
            else:
                found[key] = _Line(value.strip(), where)
    except DataError as error:
        faults.append(str(error))
        return _File(found, keys, exists=True, complete=False)
    return _File(found, keys, exists=True, complete=True)


def _segments(parts: _File, faults: list[str]) -> dict[str, _Segment]:
    """The segments by utterance."""
    found: dict[str, _Segment] = {}
    for name, (value, where) in parts.lines.items():
        fields = value.split()
        if len(fields) not in (3, 4):
            form = "'<utterance> <recording> <start> <end>', and a channel behind"
            faults.append(f"{where}: {1 + len(fields)} columns, a segment is {form}")
            continue
        start = parse_seconds(fields[1], "start", where, faults)
        to_end = fields[2] in ("-1", "-1.0")
        end = None if to_end else parse_seconds(fields[2], "end", where, faults)
        channel = _channel(fields[3], where, faults) if len(fields) == 4 else None
        if start is None or (end is None and not to_end) or (channel is None and len(fields) == 4):
            continue
        if end is not None and end <= start:
            faults.append(f"{where}: from {start:g} to {end:g} s; a segment ends after its start")
            continue
        found[name] = _Segment(fields[0], start, end, where, channel)
    return found


def _sides(path: Path, scp: _File, faults: list[str]) -> dict[str, int]:
    """Recording -> its channel in its file, from the lines ``<recording> <file> <channel>``."""
    found: dict[str, int] = {}
    for name, (value, where) in _pairs(path, faults).lines.items():
        fields = value.split()
        if len(fields) != 2:
            faults.append(f"{where}: {1 + len(fields)} columns, a line is '<recording> <file> <channel>'")
        elif scp.lacks(name):
            faults.append(f"{where}: the recording {name} is not in wav.scp")
        elif (channel := _channel(fields[1], where, faults)) is not None:
            found[name] = channel
    return found


def _channel(text: str, where: str, faults: list[str]) -> int | None:
    if text in _CHANNELS or text.isdecimal():
        return _CHANNELS.get(text) if text in _CHANNELS else int(text)
    faults.append(f"{where}: the channel is {text[:40]!r}; channels are 0, 1, ... or A and B")
    return None


def _overlaps(rows: list[CorpusRow]) -> list[str]:
    """Faults for overlapping segments of the same recording and speaker."""
    by_speaker: dict[tuple[str, str], list[CorpusRow]] = defaultdict(list)
    for row in rows:
        if row.recording is not None and row.speaker is not None:
            by_speaker[row.recording, row.speaker].append(row)
    faults = []
    for (_, speaker), segments in by_speaker.items():
        segments.sort(key=lambda row: row.start or 0.0)
        for first, second in pairwise(segments):
            if first.end is None or (second.start or 0.0) < first.end:
                faults.append(
                    f"{second.where}: {second.name} overlaps {first.name} ({first.where}), also of {speaker};"
                    " --allow-overlap lets it"
                )
    return faults


class _Pipe:
    """Runs a command of ``wav.scp`` and returns its output."""

    def __init__(self, command: str, where: str) -> None:
        self.command, self.where = command, where

    def __call__(self) -> bytes:
        # In a shell, because these lines are shell commands, often with pipes, quotes and redirections.
        done = subprocess.run(self.command, shell=True, capture_output=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            messages = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
            raise AudioError(f"the command failed with {done.returncode}: {messages[-1][:200]}")
        return done.stdout

"""A Kaldi data directory: ``wav.scp``, and where they are there ``segments``, ``utt2spk``, ``text``, ``spk2gender``.

wav.scp    meeting1 audio/meeting1.wav           or, only where pipes are allowed,  meeting1 sph2pipe -f wav x.sph |
segments   anna-0001 meeting1 12.50 15.75        (an end of -1 is the end of the recording)
utt2spk    anna-0001 anna
text       anna-0001 GOOD MORNING
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ...encoder.errors import AudioError
from .listing import joined, read_texts, seconds
from .rows import Row


class _Line(NamedTuple):
    value: str
    where: str


def kaldi(
    source: Path,
    faults: list[str],
    *,
    audio: Path | None = None,
    allow_pipes: bool = False,
    allow_overlap: bool = False,
) -> list[Row]:
    """One row an utterance; without ``segments``, every recording is one.

    Args:
        source: the directory.
        audio: what relative paths count from; default: the directory, or the working directory where the file is there.
        allow_pipes: run the commands that ``wav.scp`` may have in place of files; what they give is kept as FLAC.
        allow_overlap: two segments of one speaker may overlap.
    """
    if not source.is_dir():
        faults.append(f"{source}: not a folder; a Kaldi data directory has a wav.scp in it")
        return []
    listed = {name: _pairs(source / name, faults) for name in ("utt2spk", "text", "spk2gender")}
    recordings: dict[str, tuple[Path, Callable[[], bytes] | None]] = {}
    lines = _pairs(source / "wav.scp", faults, needed=True)
    for name, (value, where) in lines.items():
        if value.endswith("|") or value.startswith("|"):
            if not allow_pipes:
                faults.append(f"{where}: {name} is a command, and commands are only run where pipes are allowed")
            recordings[name] = source / name, _Pipe(value.strip("| "), where)
        elif re.search(r"\.ark:\d+$", value):
            faults.append(f"{where}: {name} lies in an archive ({value[-60:]}); copy it into a file with wav-copy")
        else:
            recordings[name] = joined(audio or source, value), None
    cut = _segments(source / "segments", faults)
    rows = []
    if cut is None:
        rows = [Row(name, path, lines[name].where, content=pipe) for name, (path, pipe) in recordings.items()]
    for name, (recording, start, end, where) in (cut or {}).items():
        if recording not in lines:
            faults.append(f"{where}: the recording {recording} is not in wav.scp")
        elif recording in recordings:
            path, pipe = recordings[recording]
            rows.append(Row(name, path, where, content=pipe, recording=recording, start=start, end=end))
    known = set(cut if cut is not None else lines)
    for file in ("utt2spk", "text"):
        faults += [f"{each.where}: {name} is not in {'wav.scp' if cut is None else 'segments'}"
                   for name, each in listed[file].items() if name not in known]  # fmt: skip
        if (source / file).exists():  # an empty one, left by a script that failed, lacks every utterance
            faults += [f"{row.where}: {row.name} is not in {file}" for row in rows if row.name not in listed[file]]
    faults += [f"{each.where}: the transcript of {name} is empty"
               for name, each in listed["text"].items() if not each.value]  # fmt: skip
    rows = [_described(row, listed) for row in rows]
    if not allow_overlap:
        faults += _overlaps(rows)
    return rows


def _described(row: Row, listed: dict[str, dict[str, _Line]]) -> Row:
    speaker = listed["utt2spk"].get(row.name)
    text = listed["text"].get(row.name)
    gender = listed["spk2gender"].get(speaker.value) if speaker is not None else None
    return Row(
        row.name, row.path, row.where, content=row.content, recording=row.recording, start=row.start, end=row.end,
        speaker=speaker.value if speaker is not None else None,
        text=text.value if text is not None else None,
        gender=gender.value if gender is not None else None,
    )  # fmt: skip


def _pairs(path: Path, faults: list[str], *, needed: bool = False) -> dict[str, _Line]:
    """Key -> the rest of the line. A key that comes twice, or without a value (but in ``text``), is a fault."""
    found: dict[str, _Line] = {}
    if not needed and not path.exists():
        return found
    for where, line in read_texts(path, faults):
        key, _, value = line.strip().replace("\t", " ", 1).partition(" ")
        if key in found:
            faults.append(f"{where}: {key} is listed before, at {found[key].where}")
        elif not value.strip() and path.name != "text":
            faults.append(f"{where}: {key} has no value")
        else:
            found[key] = _Line(value.strip(), where)
    return found


def _segments(path: Path, faults: list[str]) -> dict[str, tuple[str, float, float | None, str]] | None:
    """Utterance -> recording, start, end, where; ``None`` where the directory has no segments."""
    if not path.exists():
        return None
    found: dict[str, tuple[str, float, float | None, str]] = {}
    for name, (value, where) in _pairs(path, faults).items():
        fields = value.split()
        if len(fields) != 3:
            faults.append(f"{where}: {1 + len(fields)} columns, a segment is '<utterance> <recording> <start> <end>'")
            continue
        start = seconds(fields[1], "start", where, faults)
        to_end = fields[2] in ("-1", "-1.0")
        end = None if to_end else seconds(fields[2], "end", where, faults)
        if start is None or (end is None and not to_end):
            continue
        if end is not None and end <= start:
            faults.append(f"{where}: from {start:g} to {end:g} s; a segment ends after its start")
            continue
        found[name] = fields[0], start, end, where
    return found


def _overlaps(rows: list[Row]) -> list[str]:
    """Segments of one recording and speaker that overlap: nobody says two things at once."""
    spoken: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.recording is not None and row.speaker is not None:
            spoken[row.recording, row.speaker].append(row)
    faults = []
    for (_, speaker), said in spoken.items():
        said.sort(key=lambda row: row.start or 0.0)
        for first, second in zip(said, said[1:], strict=False):
            if first.end is None or (second.start or 0.0) < first.end:
                faults.append(f"{second.where}: {second.name} overlaps {first.name} ({first.where}), also of {speaker}")
    return faults


class _Pipe:
    """Runs a command of ``wav.scp`` and gives what it writes."""

    def __init__(self, command: str, where: str) -> None:
        self.command, self.where = command, where

    def __call__(self) -> bytes:
        # A shell, because Kaldi's lines are shell: pipes within them, quotes and redirections are usual.
        done = subprocess.run(self.command, shell=True, capture_output=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
            raise AudioError(f"the command failed with {done.returncode}: {said[-1][:200]}")
        return done.stdout

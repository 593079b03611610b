"""VoxCeleb: ``<speaker>/<video>/<utterance>.wav``, and lists of trials over them.

1 id10270/5r0dWxy17C8/00001.wav id10270/zjwijMp0Qyw/00002.wav       or Kaldi's  utt-a utt-b target
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from ....errors import DataError
from ....metrics.detection.trials import read_trials
from ...audio.suffixes import AUDIO
from .folder import folder_layout
from .rows import CorpusRow

_log = logging.getLogger(__name__)


def voxceleb_layout(source: Path, faults: list[str], *, trials: Path | None = None) -> list[CorpusRow]:
    """One row for each file, whose first folder is the speaker; with ``trials``, only for files that occur in a trial.

    A trial may name a file by its path, with or without suffix, or with ``-`` between the folders as in Kaldi; the cut gets
    the name that the trials use.

    Args:
        source: the folder that contains the folders of the speakers.
        trials: a list of trials, whose utterances must exist and whose labels must agree with the folders.
    """
    rows = [replace(row, custom=_session(row.name)) for row in folder_layout(source, faults)]
    return rows if trials is None else _named_by(trials, rows, faults)


def _session(name: str) -> dict[str, str]:
    """The field ``session``: the video, if each video has a folder."""
    _, *video, _ = name.split("/")
    return {"session": "/".join(video)} if video else {}


def _named_by(trials: Path, rows: list[CorpusRow], faults: list[str]) -> list[CorpusRow]:
    try:
        pairs = read_trials(trials)
    except DataError as error:
        faults.append(str(error))
        return []
    known: dict[str, CorpusRow] = {row.name: row for row in rows}
    several: dict[str, CorpusRow] = {}
    for row in rows:
        stem = row.name.removesuffix(row.path.suffix) if row.path.suffix.lower() in AUDIO else row.name
        for name in {stem, stem.replace("/", "-")} - {row.name}:
            if known.setdefault(name, row) is not row and known[name].name != name:
                several[name] = row
    _log.info("%s: %d trials, %s", trials, len(pairs), pairs.file_format)
    found: dict[str, CorpusRow] = {}
    for number, left, right, target in zip(pairs.lines, pairs.left, pairs.right, pairs.targets.tolist(), strict=True):
        where = f"{trials} line {number}"
        if uncertain := next((name for name in (left, right) if name in several), None):
            faults.append(f"{where}: {uncertain} may be {known[uncertain].path} or {several[uncertain].path}")
            continue
        missing = [name for name in (left, right) if name not in known]
        faults += [f"{where}: {name} is not in the folder" for name in missing]
        if not missing:
            same = known[left].speaker == known[right].speaker
            if same != target:
                speakers = f"{known[left].speaker} and {known[right].speaker}"
                faults.append(f"{where}: says {'same' if target else 'different'} speaker, the folders are {speakers}")
            for name in (left, right):
                row = known[name]
                found[name] = replace(row, name=name)
    return list(found.values())

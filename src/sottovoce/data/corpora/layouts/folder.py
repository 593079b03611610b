"""A folder of audio by speaker: ``corpus/<speaker>/.../<anything>.wav`` (VoxCeleb and many others)."""

from __future__ import annotations

import logging
from pathlib import Path

from ...audio.file_search import find_files
from ...audio.suffixes import AUDIO
from .rows import CorpusRow

_log = logging.getLogger(__name__)


def folder_layout(source: Path, faults: list[str]) -> list[CorpusRow]:
    """One row for each audio file; the first folder of its path is the speaker, and the path is its name in trials."""
    if not source.is_dir():
        faults.append(f"{source}: not a folder; the layout is <speaker>/.../<file>.wav inside a folder")
        return []
    rows, found = [], find_files(source, AUDIO)
    for path in found.files:
        name = path.relative_to(source)
        if len(name.parts) == 1:
            faults.append(f"{path}: lies outside the folders of speakers; move it into one")
        else:
            rows.append(CorpusRow(name=name.as_posix(), path=path, where=str(path), speaker=name.parts[0]))
    if others := found.others:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(5))
        _log.warning("%s: skipped %d files that are not audio (%s)", source, others.total(), kinds)
    return rows

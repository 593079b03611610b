"""A folder of audio by speaker: ``corpus/<speaker>/.../<anything>.wav`` (VoxCeleb and many others)."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

from .listing import AUDIO
from .rows import Row

_log = logging.getLogger(__name__)


def speaker_folders(source: Path, faults: list[str]) -> list[Row]:
    """One row for each audio file; the first folder on its way is the speaker, its path is its name in trials."""
    if not source.is_dir():
        faults.append(f"{source}: not a folder; the layout is <speaker>/.../<file>.wav inside a folder")
        return []
    rows, others = [], Counter[str]()
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        name = path.relative_to(source)
        if any(part.startswith(".") for part in name.parts):
            continue
        if path.suffix.lower() not in AUDIO:
            others[path.suffix.lower() or path.name] += 1
        elif len(name.parts) == 1:
            faults.append(f"{path}: lies outside the folders of speakers; move it into one")
        else:
            rows.append(Row(name=name.as_posix(), path=path, where=str(path), speaker=name.parts[0]))
    if others:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(5))
        _log.warning("%s: passed over %d files that are not audio (%s)", source, others.total(), kinds)
    return rows

"""NeMo manifests: one JSON object per line.

    {"audio_filepath": "audio/1.wav", "duration": 3.2, "text": "good morning", "offset": 1.5}

Manifests for diarization have ``rttm_filepath`` (and ``uem_filepath``) in place of a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..rttm import Region
from .listing import parse_seconds, read_json_lines, resolve_path
from .rows import CorpusRow
from .tables.turns import References
from .tables.unique_names import exact_time, with_unique_names

_FIELDS = {"audio_filepath", "duration", "text", "offset", "speaker", "gender", "rttm_filepath", "uem_filepath"}


def nemo_layout(source: Path, faults: list[str], *, audio: Path | None = None) -> list[CorpusRow]:
    """One row for each line, named by its ``audio_filepath`` and its offset, if it has one.

    If lines have the same file and offset (two speakers at once), the speaker, duration or a number is added to their names.

    Args:
        source: the manifest (``.json`` or ``.jsonl``).
        audio: folder that paths are relative to; default: the folder of the manifest.
    """
    folder = audio or source.parent
    references = References(faults)
    rows = [_row(item, folder, references, where, faults) for where, item in read_json_lines(source, faults)]
    return with_unique_names([row for row in rows if row is not None])


def _row(item: dict[str, Any], folder: Path, references: References, where: str, faults: list[str]) -> CorpusRow | None:
    before = len(faults)
    for key in ("audio_filepath", "text", "speaker", "gender", "rttm_filepath", "uem_filepath"):
        if not isinstance(item.get(key), str | None):
            faults.append(f"{where}: {key} is {str(item[key])[:40]!r}, not a string")
    given = {key: item.get(key) for key in ("duration", "offset") if item.get(key) is not None}
    times = {key: parse_seconds(value, key, where, faults) for key, value in given.items()}
    if not item.get("audio_filepath"):
        faults.append(f"{where}: no audio_filepath")
    turns = item.get("rttm_filepath")
    text = item.get("text") if turns is None else None
    if isinstance(text, str) and not text.strip():
        faults.append(f"{where}: the transcript is empty")
    if len(faults) > before:
        return None
    path = resolve_path(folder, item["audio_filepath"])
    start, duration = times.get("offset"), times.get("duration")
    stretch = start is not None and (start > 0 or duration is not None)
    segments = regions = None
    unscored: Sequence[Region] = ()
    if turns is not None:
        segments, unscored = references.turns(resolve_path(folder, turns), path.stem, where)
    if item.get("uem_filepath") is not None:
        regions = references.regions(resolve_path(folder, item["uem_filepath"]), path.stem, where)
    return CorpusRow(
        name=item["audio_filepath"] + (f"@{exact_time(start)}" if start else ""),
        path=path,
        where=where,
        speaker=item.get("speaker") or None,
        gender=item.get("gender") or None,
        text=text,
        duration=duration,
        recording=item["audio_filepath"] if stretch else None,
        start=start if stretch else None,
        end=(start or 0) + duration if stretch and duration is not None else None,
        segments=segments,
        regions=regions,
        unscored=unscored,
        custom={key: value for key, value in item.items() if key not in _FIELDS and value is not None},
    )

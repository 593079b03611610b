"""A table of utterances or recordings with a header line: ``manifest.tsv`` (tab), or ``.csv`` (comma, semicolon).

    path                        split   speaker  duration  gender  text      ...
    audio/00001/00001_001.opus  train   spk001   2.004     m       operator  ...

``path`` is required; it is relative to the folder of the table, and also the name of the utterance in trials. Known columns
are ``split``, ``speaker``, ``duration``, ``gender`` (or ``sex``), ``text``, ``rttm`` and ``uem`` (files), ``slots`` (JSON:
slot -> value) and ``seglst`` (JSON: segments with words). All further columns are kept as custom fields. Columns with
other names can be mapped: ``{"path": "file", "speaker": "spk", "label": "cls"}``. ``name`` (the name of the utterance),
``start`` and ``end`` (a part of the file, in seconds) have these meanings only if they are mapped, because tables often
have columns of these names with other meanings. Parts of a file that have no name are named by their start.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ....errors import DataError
from ...audio.suffixes import AUDIO
from .listing import AudioIndex, parse_seconds, path_exists
from .rows import CorpusRow
from .tables.annotations import Annotations, parse_slots
from .tables.cells import SEPARATORS, Quotes, TableRows, unquote_json
from .tables.unique_names import with_unique_names

_FIELDS = {"path", "split", "speaker", "duration", "gender", "sex", "text", "rttm", "uem", "slots", "seglst"}
_ONLY_MAPPED = {"name", "start", "end"}


def table_layout(
    source: Path,
    faults: list[str],
    *,
    columns: Mapping[str, str] | None = None,
    audio: Path | None = None,
    rttm: Path | None = None,
    uem: Path | None = None,
    quotes: Quotes | None = None,
) -> list[CorpusRow]:
    """The rows of a table, or of ``manifest.tsv`` in a folder.

    Args:
        source: the table, or the folder that contains ``manifest.tsv``.
        columns: known name of a column -> its name in the table.
        audio: folder that paths are relative to, and below which paths without a suffix are searched; default: the folder
            of the table.
        rttm, uem: files or folders with the turns and scored regions of the recordings, named by the stem of their file.
        quotes: ``csv`` where cells are quoted as in CSV, ``none`` where quotes are text; by default ``none`` where tabs
            separate them, and ``csv`` otherwise. Cells of ``slots`` and ``seglst`` are read either way.
    """
    path = source / "manifest.tsv" if source.is_dir() else source
    mapped = dict(columns or {})
    try:
        found = TableRows(path, quotes)
        header = _header(found, mapped, faults)
        if header is None:
            return []
        annotations = Annotations(path.parent, rttm, uem, faults)
        index = AudioIndex(audio or path.parent)
        rows = []
        for where, cells in found:
            if len(cells) != len(header):
                hint = "" if found.quoted or '"' not in "".join(cells) else "; cells quoted as in CSV need quotes csv"
                faults.append(f"{where}: {len(cells)} columns, the header has {len(header)}{hint}")
                continue
            fields = dict(zip(header, cells, strict=True))
            row = _row(fields, audio or path.parent, index, mapped, annotations, where, faults)
            if row is not None:
                rows.append(row)
        annotations.report_unused(rows)
        return with_unique_names(rows) if mapped.keys() & {"start", "end"} and "name" not in mapped else rows
    except DataError as error:
        faults.append(str(error))
        return []


def _header(table: TableRows, mapped: Mapping[str, str], faults: list[str]) -> list[str] | None:
    """The known names of the columns; ``None``, with a fault, if the table cannot be read."""
    header, where = table.header, f"{table.path} line {table.line}"
    columns = f"among {header[:12]} ({SEPARATORS[table.separator]}-separated)"
    if not table.quoted and any(name.startswith('"') for name in header):
        columns += "; cells quoted as in CSV need quotes csv"
    missing = [name for name in mapped.values() if name not in header]
    if missing:
        faults.append(f"{where}: no column {missing[0]!r} {columns}")
        return None
    if len(set(header)) < len(header):
        faults.append(f"{where}: a column is named twice: {header}")
        return None
    our_names = {theirs: ours for ours, theirs in mapped.items()}
    # A column whose name is a known one that is mapped to another column is renamed.
    named = [our_names.get(name, f"{name}_column" if name in mapped else name) for name in header]
    if "path" not in named:
        hint = "; map it with columns path=..." if header else ""
        faults.append(f"{where}: no column 'path' {columns}{hint}")
        return None
    return named


def _row(
    fields: dict[str, str],
    folder: Path,
    index: AudioIndex,
    mapped: Mapping[str, str],
    annotations: Annotations,
    where: str,
    faults: list[str],
) -> CorpusRow | None:
    before = len(faults)
    if not fields["path"].strip():
        faults.append(f"{where}: the path is empty")
        return None
    path = folder / fields["path"]
    if path.suffix.lower() not in AUDIO and not path_exists(path):
        try:
            path = index.find(fields["path"])
        except LookupError as error:
            faults.append(f"{where}: {error}")
    text = fields.get("text") or None
    if text is not None and not text.strip():
        faults.append(f"{where}: the transcript is blank; leave the field empty where there is none")
    times: dict[str, float | None] = {}
    for name in ("duration", *(_ONLY_MAPPED & mapped.keys() - {"name"})):
        if value := fields.get(name, "").strip():
            times[name] = parse_seconds(value, name, where, faults)
    start, end = times.get("start"), times.get("end")
    if start is not None and end is not None and end <= start:
        faults.append(f"{where}: from {start:g} to {end:g} s; a stretch ends after its start")
    segments, unscored = annotations.turns(fields, path, where)
    regions = annotations.regions(fields, path, where)
    custom: dict[str, object] = {
        name: value for name, value in fields.items() if name not in _FIELDS | (_ONLY_MAPPED & mapped.keys())
    }
    if fields.get("slots", "").strip():
        custom["slots"] = parse_slots(unquote_json(fields["slots"]), where, faults)
    if len(faults) > before:
        return None
    stretch = start is not None or end is not None
    return CorpusRow(
        name=fields["name"] if "name" in mapped else fields["path"],
        path=path,
        where=where,
        split=fields.get("split") or "all",
        speaker=fields.get("speaker") or None,
        text=text,
        gender=fields.get("gender") or fields.get("sex") or None,
        duration=times.get("duration"),
        recording=fields["path"] if stretch else None,
        start=start if stretch else None,
        end=end,
        segments=segments,
        regions=regions,
        unscored=unscored,
        custom=custom,
    )

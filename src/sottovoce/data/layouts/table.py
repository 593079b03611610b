"""A table of utterances: ``manifest.tsv`` (tab) or ``.csv`` (comma) with a header line.

    path                      split   speaker  duration  gender  text      ...
    audio/00001/00001_001.opus  train   spk001   2.004     m       operator  ...

``path`` is needed and counts from the folder of the table; it is also the name of the utterance in trials. Of the
others, ``split``, ``speaker``, ``duration``, ``gender`` (or ``sex``) and ``text`` mean what they say; all further
columns are kept as custom fields.
"""

from __future__ import annotations

import csv
from pathlib import Path

from .rows import Row

_MEANT = {"path", "split", "speaker", "duration", "gender", "sex", "text"}


def table(source: Path, faults: list[str]) -> list[Row]:
    """Rows of a table, or of ``manifest.tsv`` in a folder."""
    path = source / "manifest.tsv" if source.is_dir() else source
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        faults.append(f"{path}: not a text file; a table starts with a header line that names the column 'path'")
        return []
    except OSError as error:
        faults.append(f"{path}: cannot be read ({error.strerror})")
        return []
    reader = csv.reader(text.splitlines(), delimiter="," if path.suffix == ".csv" else "\t", strict=True)
    try:
        header = next(reader, [])
        if "path" not in header:
            separator = "comma" if path.suffix == ".csv" else "tab"
            faults.append(f"{path} line 1: no column 'path' among {header[:12]} ({separator}-separated)")
            return []
        if len(set(header)) < len(header):
            faults.append(f"{path} line 1: a column is named twice: {header}")
            return []
        rows = []
        for fields in reader:
            where = f"{path} line {reader.line_num}"
            if len(fields) != len(header):
                if fields:
                    faults.append(f"{where}: {len(fields)} columns, the header has {len(header)}")
                continue
            row = _row(dict(zip(header, fields, strict=True)), path.parent, where, faults)
            if row is not None:
                rows.append(row)
        return rows
    except csv.Error as error:
        faults.append(f"{path} line {reader.line_num}: {error}")
        return []


def _row(fields: dict[str, str], folder: Path, where: str, faults: list[str]) -> Row | None:
    if not fields["path"].strip():
        faults.append(f"{where}: the path is empty")
        return None
    duration = None
    if said := fields.get("duration", ""):
        try:
            duration = float(said)
        except ValueError:
            faults.append(f"{where}: the duration {said!r} is not a number of seconds")
            return None
    return Row(
        name=fields["path"],
        path=folder / fields["path"],
        where=where,
        split=fields.get("split") or "all",
        speaker=fields.get("speaker") or None,
        text=fields.get("text") or None,
        gender=fields.get("gender") or fields.get("sex") or None,
        duration=duration,
        custom={name: value for name, value in fields.items() if name not in _MEANT},
    )

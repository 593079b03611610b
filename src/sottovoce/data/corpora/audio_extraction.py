"""Audio that a corpus holds in no file of its own (an archive, the output of a command) becomes FLAC files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from ...errors import AudioError
from ..audio.decoder import open_audio
from ..audio.sources import local_file
from ..audio.suffixes import FFMPEG
from .layouts.rows import CorpusRow

_DEEP = {"PCM_24", "PCM_32", "FLOAT", "DOUBLE"}
"""Kinds of samples that 16 bits would shorten."""


def extract_audio(rows: Sequence[CorpusRow], folder: Path, faults: list[str]) -> list[CorpusRow]:
    """Write ``<folder>/audio/<split>/<number>-<name>.flac`` for what has no file.

    Args:
        rows: of a corpus.
        folder: where ``audio`` is made.
        faults: what cannot be fetched or decoded goes here, and its rows are left out.

    Returns:
        The rows, all with a path of a file.
    """
    first: dict[int, CorpusRow] = {}
    for row in rows:
        if row.content is not None:
            first.setdefault(id(row.content), row)
    places = {key: _place(folder, number, row) for number, (key, row) in enumerate(first.items())}
    with ThreadPoolExecutor() as pool:
        said = dict(zip(first, pool.map(_write, first.values(), places.values()), strict=True))
    faults += [fault for fault in said.values() if fault is not None]
    return [
        row if row.content is None else replace(row, path=places[id(row.content)])
        for row in rows
        if row.content is None or said[id(row.content)] is None
    ]


class Converted:
    """The bytes of a file that only ffmpeg reads, as a WAV file: training reads what it can find a sample in."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> bytes:
        return local_file(self.path).read_bytes()


def with_converted(rows: Sequence[CorpusRow]) -> list[CorpusRow]:
    """The rows; those whose file only ffmpeg reads have its contents, decoded, in place of the file."""
    contents: dict[Path, Converted] = {}
    return [
        replace(row, content=contents.setdefault(row.path, Converted(row.path)))
        if row.content is None and row.cut is None and row.path.suffix.lower() in FFMPEG
        else row
        for row in rows
    ]


def _place(folder: Path, number: int, row: CorpusRow) -> Path:
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", (row.recording or row.name))[-60:]
    place = folder / "audio" / row.split / f"{number:06d}-{readable}.flac"
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _write(row: CorpusRow, place: Path) -> str | None:
    """Fetch, decode and write; what is wrong with it."""
    assert row.content is not None
    fetched = place.with_suffix(".fetched")  # a file, because what is cut off only shows in one
    try:
        encoded = row.content()
    except (AudioError, OSError) as error:
        return f"{row.where}: {row.name}: {error}"
    fetched.write_bytes(encoded)
    try:
        with open_audio(fetched) as file:
            kind, rate = file.kind, file.rate
            blocks = list(file.blocks(file.frames, "float64" if kind in _DEEP else "int16"))
            samples = np.concatenate(blocks) if blocks else np.zeros((0, file.channels), np.int16)
    except AudioError as error:
        return f"{row.where}: {row.name}: {str(error).removeprefix(f'{fetched}: ')}"
    finally:
        fetched.unlink()
    if kind in _DEEP and not np.isfinite(samples).all():
        return f"{row.where}: {row.name}: {np.count_nonzero(~np.isfinite(samples))} samples are NaN or infinite"
    try:
        soundfile.write(place, samples, rate, format="FLAC", subtype="PCM_24" if kind in _DEEP else "PCM_16")
    except soundfile.LibsndfileError as error:
        return f"{row.where}: {row.name}: cannot be written as FLAC ({error.error_string.rstrip('.')})"
    return None

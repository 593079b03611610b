"""Writing of audio that is not in a file of its own (in an archive, the output of a command) to FLAC files."""

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
"""Sample types that have more than 16 bits."""


def extract_audio(rows: Sequence[CorpusRow], folder: Path, faults: list[str]) -> list[CorpusRow]:
    """Write ``<folder>/audio/<split>/<number>-<name>.flac`` for each audio that is not in a file.

    Args:
        rows: the rows of a corpus.
        folder: the folder in which ``audio`` is created.
        faults: list to which a fault is added for audio that cannot be fetched or decoded; its rows are left out.

    Returns:
        The rows, each with the path of a file.
    """
    first: dict[int, CorpusRow] = {}
    for row in rows:
        if row.content is not None:
            first.setdefault(id(row.content), row)
    places = {key: _place(folder, number, row) for number, (key, row) in enumerate(first.items())}
    with ThreadPoolExecutor() as pool:
        errors = dict(zip(first, pool.map(_write, first.values(), places.values()), strict=True))
    faults += [fault for fault in errors.values() if fault is not None]
    return [
        row if row.content is None else replace(row, path=places[id(row.content)])
        for row in rows
        if row.content is None or errors[id(row.content)] is None
    ]


class DecodedFile:
    """The audio of a file that only ffmpeg reads, as the bytes of a WAV file, in which training can seek."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> bytes:
        return local_file(self.path).read_bytes()


def with_decoded_files(rows: Sequence[CorpusRow]) -> list[CorpusRow]:
    """The rows, in which every file that only ffmpeg reads is replaced by its decoded audio."""
    contents: dict[Path, DecodedFile] = {}
    return [
        replace(row, content=contents.setdefault(row.path, DecodedFile(row.path)))
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
    """Fetch, decode and write the audio of a row; returns the fault, if there is one."""
    assert row.content is not None
    fetched = place.with_suffix(".fetched")  # a file on disk, so that truncated audio is detected
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

"""Audio that a corpus holds in no file of its own (an archive, the output of a command) becomes FLAC files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from ..encoder.errors import AudioError
from .audio import audio_shape
from .layouts.rows import Row

_DEEP = {"PCM_24", "PCM_32", "FLOAT", "DOUBLE"}
"""Kinds of samples that 16 bits would shorten."""

_UNKNOWN = 2**30
"""Frames from which on a header means that the length was not known: 18 hours at 16 kHz."""


def write_embedded(rows: Sequence[Row], folder: Path, faults: list[str]) -> list[Row]:
    """Write ``<folder>/audio/<split>/<number>-<name>.flac`` for what has no file.

    Args:
        rows: of a corpus.
        folder: where ``audio`` is made.
        faults: what cannot be fetched or decoded goes here, and its rows are left out.

    Returns:
        The rows, all with a path of a file.
    """
    first: dict[int, Row] = {}
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


def _place(folder: Path, number: int, row: Row) -> Path:
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", (row.recording or row.name))[-60:]
    place = folder / "audio" / row.split / f"{number:06d}-{readable}.flac"
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _write(row: Row, place: Path) -> str | None:
    """Fetch, decode and write; what is wrong with it."""
    assert row.content is not None
    fetched = place.with_suffix(".fetched")  # a file, because what is cut off only shows in one
    try:
        encoded = row.content()
    except (AudioError, OSError) as error:
        return f"{row.where}: {row.name}: {error}"
    fetched.write_bytes(encoded)
    try:
        frames, rate, _ = audio_shape(fetched)
        kind = soundfile.info(fetched).subtype
        samples, _ = soundfile.read(fetched, dtype="float64" if kind in _DEEP else "int16", always_2d=True)
    except AudioError as error:
        return f"{row.where}: {row.name}: {str(error).removeprefix(f'{fetched}: ')}"
    except soundfile.LibsndfileError as error:
        reason = error.error_string.removeprefix("Error : ").rstrip(".")
        return f"{row.where}: {row.name}: cannot be decoded ({reason})"
    finally:
        fetched.unlink()
    # A command that writes to a pipe cannot know the length beforehand; its header says as much as possible.
    if len(samples) < frames < _UNKNOWN:
        return f"{row.where}: {row.name}: cut off: {frames / rate:.3f} s are promised, {len(samples) / rate:.3f} s come"
    if kind in _DEEP and not np.isfinite(samples).all():
        return f"{row.where}: {row.name}: {np.count_nonzero(~np.isfinite(samples))} samples are NaN or infinite"
    try:
        soundfile.write(place, samples, rate, format="FLAC", subtype="PCM_24" if kind in _DEEP else "PCM_16")
    except soundfile.LibsndfileError as error:
        return f"{row.where}: {row.name}: cannot be written as FLAC ({error.error_string.rstrip('.')})"
    return None

"""Corpora in: any layout on disk becomes one checked Lhotse CutSet for each of its splits."""

from __future__ import annotations

import difflib
import logging
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..encoder.errors import AudioError, DataError
from .audio import SAMPLE_RATE, SHORTEST, audio_shape
from .cuts import make_cut, require_lhotse, write_cuts
from .layouts import LAYOUTS, Row

if TYPE_CHECKING:
    from lhotse.cut import Cut

_SHOWN = 50
"""Faults of a corpus that are printed; the error holds all."""

_TOLERANCE = 0.1
"""Seconds by which a listed duration may differ from the file's."""

_log = logging.getLogger(__name__)


class CorpusError(DataError):
    """A corpus with faults.

    Attributes:
        faults: all of them, each with its file and line.
    """

    def __init__(self, source: Path, faults: list[str]) -> None:
        self.faults = faults
        more = f"\n  and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        listed = "".join(f"\n  {fault}" for fault in faults[:_SHOWN])
        super().__init__(f"{source}: {len(faults)} fault{'s' * (len(faults) > 1)}, nothing was written:{listed}{more}")


def import_corpus(
    source: str | Path, out: str | Path, *, layout: str = "table", drop_faulty: bool = False
) -> dict[str, Path]:
    """Check a corpus and write ``<out>/<split>.jsonl.gz``.

    Every row is checked before anything is written: the file exists, its header can be read, it is mono, whole, long
    enough for one encoder frame and as long as the corpus says; names are unique.

    Args:
        source: the corpus: a folder, or the file that lists it.
        out: folder for the cuts; the audio stays where it is.
        layout: how the corpus is laid out, a key of `LAYOUTS`.
        drop_faulty: leave out utterances whose audio is faulty, and log each, instead of stopping. Faults of the
            listing itself always stop.

    Returns:
        The path of each split's CutSet.

    Raises:
        DataError: the layout is unknown, or ``out`` cannot be written.
        CorpusError: the corpus has faults (all are listed).
    """
    require_lhotse()
    if layout not in LAYOUTS:
        near = difflib.get_close_matches(layout, LAYOUTS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DataError(f"unknown layout {layout!r}; known are {', '.join(sorted(LAYOUTS))}{hint}")
    source = Path(source)
    faults: list[str] = []
    rows = LAYOUTS[layout](source, faults)
    if not rows and not faults:
        faults.append(f"{source}: no utterances found")
    splits: dict[str, list[Cut]] = defaultdict(list)
    first: dict[str, str] = {}
    faulty: list[str] = []
    for row in rows:
        if row.name in first:
            faults.append(f"{row.where}: {row.name} is listed before, at {first[row.name]}")
        first.setdefault(row.name, row.where)
        if Path(row.split).name != row.split:
            faults.append(f"{row.where}: the split {row.split!r} cannot be a file name")
        elif (cut := _check(row, faulty)) is not None:
            splits[row.split].append(cut)
    if faults or (faulty and not drop_faulty) or not splits:
        raise CorpusError(source, faults + faulty)
    for fault in faulty:
        _log.warning("left out: %s", fault)
    _tell_shared_speakers(rows)
    return {split: write_cuts(cuts, Path(out) / f"{split}.jsonl.gz") for split, cuts in splits.items()}


def _check(row: Row, faults: list[str]) -> Cut | None:
    """The cut of a row, or none and a fault of its audio."""
    try:
        samples, rate, channels = audio_shape(row.path)
    except AudioError as error:
        message = str(error)
        faults.append(message if row.where == str(row.path) else f"{row.where}: {message}")
        return None
    seconds = samples / rate
    if channels != 1:
        faults.append(f"{row.where}: {row.path} has {channels} channels; split it into mono files")
    elif samples * SAMPLE_RATE < SHORTEST * rate:
        faults.append(f"{row.where}: {row.path} is too short: {seconds:.4f} s, one frame needs 0.025 s")
    elif row.duration is not None and abs(row.duration - seconds) > _TOLERANCE:
        faults.append(f"{row.where}: {row.path} lasts {seconds:.3f} s, but {row.duration:.3f} s are listed")
    else:
        return make_cut(
            name=row.name,
            source=row.path.resolve(),
            samples=samples,
            rate=rate,
            speaker=row.speaker,
            text=row.text,
            gender=row.gender,
            custom=row.custom or None,
        )
    return None


def _tell_shared_speakers(rows: list[Row]) -> None:
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.speaker is not None:
            splits[row.speaker].add(row.split)
    shared = sorted(speaker for speaker, names in splits.items() if len(names) > 1)
    if shared:
        _log.warning("%d speakers are in several splits, for example %s", len(shared), ", ".join(shared[:3]))

"""Diarization references: RTTM (who speaks when), UEM (which regions are scored), and a folder of recordings.

SPEAKER meeting1 1 12.500 3.250 <NA> <NA> anna <NA> <NA>
meeting1 1 0.000 1800.000
"""

from __future__ import annotations

from pathlib import Path

from .listing import AudioIndex
from .rows import CorpusRow
from .tables.turns import read_regions, read_turns


def rttm_layout(
    source: Path, faults: list[str], *, audio: Path | None = None, uem: Path | None = None
) -> list[CorpusRow]:
    """One row for each recording, with a segment for every turn.

    A recording that only the UEM contains has no turns, as nobody speaks in it.

    Args:
        source: an RTTM file or a folder of them.
        audio: folder that contains ``<recording>.wav`` at any depth; default: the folder of the source.
        uem: a UEM file or a folder of them, with at least one region of every recording.
    """
    turns, unscored = read_turns(source, faults)
    regions = read_regions(uem, faults) if uem is not None else {}
    index = AudioIndex(audio or (source if source.is_dir() else source.parent))
    if regions:  # if there are none, the UEM could not be read, which is reported already
        faults += [f"{turns[name][0].where}: {uem} has no region of {name}" for name in turns if name not in regions]
    rows = []
    for name in sorted(turns.keys() | regions.keys()):
        where = turns[name][0].where if name in turns else f"{uem}"
        try:
            path = index.find(name)
        except LookupError as error:
            faults.append(f"{where}: unknown recording {name}: {error}")
            continue
        rows.append(CorpusRow(name, path, where, segments=turns.get(name, []), regions=regions.get(name),
                        unscored=unscored.get(name, ())))  # fmt: skip
    return rows

"""Diarization error rates of RTTM files."""

from __future__ import annotations

import logging
from pathlib import Path

from ..data.audio.file_search import find_files
from ..data.corpora.rttm import Region, Rttm, read_rttm, read_uem, warn_skipped_records
from ..errors import DataError
from ..metrics.diarization import DiarizationScore, ScoringProtocol, score_diarization

_log = logging.getLogger(__name__)


def der(
    reference: str | Path, system: str | Path, uem: str | Path | None = None, *, protocol: ScoringProtocol | None = None
) -> DiarizationScore:
    """Diarization and Jaccard error rate of a system's turns against a reference.

    Args:
        reference: an RTTM file, or a folder of them. Its NOSCORE and NON-LEX zones are not scored, as in md-eval.
        system: an RTTM file, or a folder of them. A recording that is not in it counts as one without turns, and is listed
            under ``missing`` in the result unless there is an empty file of its name.
        uem: the zones that are scored: a UEM file, or a folder of them. By default each recording is scored from its first
            to its last boundary.
        protocol: collar and treatment of overlap.

    Raises:
        DataError: files that cannot be read, a recording in two files, or one that is not in the reference.
    """
    expected, found = _turns(reference), _turns(system)
    regions = None if uem is None else _regions(uem)
    if found.zones:
        _log.warning("%s: its NOSCORE and NON-LEX zones are scored; only those of the reference are left out", system)
    for name in {file.stem for file in _files(system, ".rttm")} & set(expected if regions is None else regions):
        found.setdefault(name, [])
    return score_diarization(expected, found, regions, protocol or ScoringProtocol())


def _turns(source: str | Path) -> Rttm:
    found = Rttm()
    for file in _files(source, ".rttm"):
        read = read_rttm(file)
        _check_apart(file, {*read, *read.zones}, {*found, *found.zones})
        found |= read
        found.zones |= read.zones
        found.skipped += read.skipped
    warn_skipped_records(source, found.skipped)
    return found


def _regions(source: str | Path) -> dict[str, list[Region]]:
    found: dict[str, list[Region]] = {}
    for file in _files(source, ".uem"):
        read = read_uem(file)
        _check_apart(file, set(read), set(found))
        found |= read
    return found


def _check_apart(file: Path, read: set[str], before: set[str]) -> None:
    for name in sorted(read & before):
        raise DataError(f"{file}: the recording {name} is in another file already; keep one of them")


def _files(source: str | Path, ending: str) -> list[Path]:
    source = Path(source)
    files = find_files(source, {ending}).files if source.is_dir() else [source]
    if not files:
        raise DataError(f"{source}: no {ending} file in it")
    return files

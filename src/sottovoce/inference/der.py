"""Scoring who speaks when: files against files."""

from __future__ import annotations

import logging
from pathlib import Path

from ..data.audio.file_search import find_files
from ..data.corpora.rttm import Region, Rttm, read_rttm, read_uem, warn_skipped_records
from ..errors import DataError
from ..metrics.diarization import DiarizationScore, Protocol, score_diarization

_log = logging.getLogger(__name__)


def score_files(
    reference: str | Path, system: str | Path, uem: str | Path | None = None, protocol: Protocol | None = None
) -> DiarizationScore:
    """DER and JER of RTTM against RTTM.

    Args:
        reference, system: an RTTM file, or a folder of them. A recording that the system does not have is one in which
            it heard nobody; it is among the ``missing`` of the score, unless a file of its name, without turns, says so.
            What is not scored (NOSCORE, NON-LEX) is what the reference says, as md-eval has it.
        uem: what is scored: a UEM file, or a folder of them. Default: each recording from its first to its last boundary.
        protocol: collar and overlap.

    Raises:
        DataError: files that cannot be read, a recording that stands in two of them, or one that is not in the reference.
    """
    said, heard = _turns(reference), _turns(system)
    regions = None if uem is None else _regions(uem)
    if heard.zones:
        _log.warning("%s: what a system does not want scored is scored (NOSCORE, NON-LEX)", system)
    for name in {file.stem for file in _files(system, ".rttm")} & set(said if regions is None else regions):
        heard.setdefault(name, [])
    return score_diarization(said, heard, regions, protocol or Protocol())


def _turns(source: str | Path) -> Rttm:
    found = Rttm()
    for file in _files(source, ".rttm"):
        read = read_rttm(file)
        _check_apart(file, {*read, *read.zones}, {*found, *found.zones})
        found |= read
        found.zones |= read.zones
        found.passed += read.passed
    warn_skipped_records(source, found.passed)
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
        raise DataError(f"{file}: the recording {name} is in another file already")


def _files(source: str | Path, ending: str) -> list[Path]:
    source = Path(source)
    files = find_files(source, {ending}).files if source.is_dir() else [source]
    if not files:
        raise DataError(f"{source}: no {ending} file in it")
    return files

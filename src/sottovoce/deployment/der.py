"""Scoring who speaks when: files against files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from ..data.rttm import read_rttm, read_uem
from ..encoder.errors import DataError
from ..metrics.diarization import DiarizationScore, Protocol, score_diarization

T = TypeVar("T")


def score_files(
    reference: str | Path, system: str | Path, uem: str | Path | None = None, protocol: Protocol | None = None
) -> DiarizationScore:
    """DER and JER of RTTM against RTTM.

    Args:
        reference, system: an RTTM file, or a folder of them. A recording that the system does not have is one in which it
            heard nobody.
        uem: what is scored: a UEM file, or a folder of them. Default: each recording from its first to its last boundary.
        protocol: collar and overlap.

    Raises:
        DataError: files that cannot be read, a recording that stands in two of them, or one that is not in the reference.
    """
    regions = _all(uem, ".uem", read_uem) if uem is not None else None
    return score_diarization(
        _all(reference, ".rttm", read_rttm), _all(system, ".rttm", read_rttm), regions, protocol or Protocol()
    )


def _all(source: str | Path, ending: str, read: Callable[[Path], Mapping[str, T]]) -> dict[str, T]:
    source = Path(source)
    files = sorted(source.rglob(f"*{ending}")) if source.is_dir() else [source]
    if not files:
        raise DataError(f"{source}: no {ending} file in it")
    found: dict[str, T] = {}
    for file in files:
        for name, value in read(file).items():
            if name in found:
                raise DataError(f"{file}: the recording {name} is in another file already")
            found[name] = value
    return found

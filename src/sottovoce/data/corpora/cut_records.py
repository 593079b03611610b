"""Manifests read as plain records, without Lhotse and torch, which take seconds to import.

Cuts of one recording, as nearly all are, are read with exactly the fields and types of Lhotse. If any line
is not such a cut, Lhotse reads the manifest, or reports what is wrong with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ...errors import DataError
from ...quantities import Seconds
from ...text.text_files import lines
from .cuts import read_cuts

if TYPE_CHECKING:
    from lhotse.cut import Cut


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class RecordingRecord(_Record):
    """The fields of a Lhotse ``Recording``."""

    id: str
    sources: list[dict[str, object]]
    sampling_rate: int
    num_samples: int
    duration: Seconds
    channel_ids: list[int] | None = None
    transforms: list[dict[str, object]] | None = None


class SupervisionRecord(_Record):
    """The fields of a Lhotse ``SupervisionSegment``."""

    id: str
    recording_id: str
    start: Seconds
    duration: Seconds
    channel: int | list[int] = 0
    text: str | None = None
    language: str | None = None
    speaker: str | None = None
    gender: str | None = None
    custom: dict[str, object] | None = None
    alignment: dict[str, object] | None = None

    @property
    def end(self) -> Seconds:
        """End of the supervision, rounded as in Lhotse."""
        return round(self.start + self.duration, ndigits=8)


class CutRecord(_Record):
    """The fields of a Lhotse ``MonoCut`` or ``MultiCut`` of a recording."""

    type: Literal["MonoCut", "MultiCut"]
    id: str
    start: Seconds
    duration: Seconds
    channel: int | list[int]
    recording: RecordingRecord
    supervisions: list[SupervisionRecord] = []
    custom: dict[str, object] | None = None


def read_cut_records(path: str | Path) -> Sequence[CutRecord | Cut]:
    """All cuts of a manifest, for statistics that need no audio.

    Args:
        path: a CutSet as ``.jsonl`` or ``.jsonl.gz``.

    Raises:
        DataError: as `read_cuts`.
    """
    cuts: dict[str, CutRecord] = {}
    try:
        for _, line in lines(path):
            if line.strip():
                cut = CutRecord.model_validate(json.loads(line))
                if cut.id in cuts:
                    break
                cuts[cut.id] = cut
        else:
            if cuts:
                return list(cuts.values())
    except (DataError, ValidationError, ValueError, RecursionError):
        pass  # `read_cuts` reads it with Lhotse, or reports the fault
    return list(read_cuts(path))

"""What a manifest says of its cuts, read without Lhotse and torch, which take seconds to import.

Only cuts of one recording, as nearly all are, with the fields that Lhotse has and of their types. Where a line is
anything else, Lhotse reads the manifest, or says what is wrong with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ...errors import DataError
from ...quantities import Seconds
from ...text.text_files import lines
from .cuts import read_cuts

if TYPE_CHECKING:
    from lhotse.cut import Cut


class _Listed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class RecordingRecord(_Listed):
    """The fields of a Lhotse ``Recording``."""

    id: str
    sources: list[dict[str, Any]]
    sampling_rate: int
    num_samples: int
    duration: Seconds
    channel_ids: list[int] | None = None
    transforms: list[dict[str, Any]] | None = None


class SupervisionRecord(_Listed):
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
    custom: dict[str, Any] | None = None
    alignment: dict[str, Any] | None = None

    @property
    def end(self) -> Seconds:
        """Rounded as Lhotse rounds it."""
        return round(self.start + self.duration, ndigits=8)


class CutRecord(_Listed):
    """The fields of a Lhotse ``MonoCut`` or ``MultiCut`` of a recording."""

    type: Literal["MonoCut", "MultiCut"]
    id: str
    start: Seconds
    duration: Seconds
    channel: int | list[int]
    recording: RecordingRecord
    supervisions: list[SupervisionRecord] = []
    custom: dict[str, Any] | None = None


def read_cut_records(path: str | Path) -> Sequence[CutRecord | Cut]:
    """All cuts of a manifest, for whoever counts what is in it and hears nothing.

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
        pass  # Lhotse reads it all the same, or what is wrong is told by who reads cuts
    return list(read_cuts(path))

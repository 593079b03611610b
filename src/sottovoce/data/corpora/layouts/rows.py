"""What every layout gives: one row for each utterance or recording, not yet checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ....quantities import Seconds

if TYPE_CHECKING:
    from lhotse.cut import Cut


@dataclass(frozen=True)
class Segment:
    """What one speaker says in a stretch of a row.

    Attributes:
        start, end: seconds from the beginning of the row's audio.
        where: where the corpus says so, for errors.
        speaker, text: ``None`` where the corpus does not say.
    """

    start: Seconds
    end: Seconds
    where: str
    speaker: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class CorpusRow:
    """An utterance or recording as a corpus lists it; it becomes one cut.

        file       |---------------------------------------------|
        row             start |----------------------| end             (all of the file where they are None)
        segments                |--anna--|  |-anna-|                   (one over all of the row where they are None)
                                       |---ben---|
        regions               |-----------------|                      (what is scored: the file's UEM)

    Attributes:
        name: id of the cut, by which trials refer to it.
        path: the audio file.
        where: where the corpus says so, for errors (``manifest.tsv line 7``).
        split: name of the set it belongs to.
        speaker, text, gender: ``None`` where the corpus does not say.
        duration: seconds as the corpus says, checked against the audio.
        custom: further fields, of the supervision; of the cut where there are ``segments``. Layouts agree on ``label``
            (bonafide, spoof), ``attack``, ``codec``, ``intent`` and ``slots`` (``[{"type": ..., "filler": ...}]``).
        recording: id of the recording, where several rows are stretches of one; otherwise the name.
        start, end: the stretch of the file.
        channel: which channel of the file it is.
        side: which channel it is where the file has several (it may be one of two that were taken apart already).
        segments: who speaks when; may be empty.
        regions: the parts that are scored, kept as ``cut.uem``.
        unscored: the parts that are not, taken out of ``cut.uem``; an end may be infinite.
        content: gives the bytes of an encoded audio file, where the corpus has no file of its own. It is written as
            FLAC beside the cuts. Rows that share one object share the file.
        cut: the finished cut, where the corpus consists of cuts already.
    """

    name: str
    path: Path
    where: str
    split: str = "all"
    speaker: str | None = None
    text: str | None = None
    gender: str | None = None
    duration: Seconds | None = None
    custom: dict[str, Any] = field(default_factory=dict)
    recording: str | None = None
    start: Seconds | None = None
    end: Seconds | None = None
    channel: int | None = None
    side: int | None = None
    segments: Sequence[Segment] | None = None
    regions: Sequence[tuple[Seconds, Seconds]] | None = None
    unscored: Sequence[tuple[Seconds, Seconds]] = ()
    content: Callable[[], bytes] | None = None
    cut: Cut | None = None


Layout: TypeAlias = Callable[..., list[CorpusRow]]
"""``layout(source, faults, *, ...) -> rows``: reads a corpus; what it cannot read goes into ``faults``, with file and
line. The keywords after ``faults`` are the options of the layout; each has a default."""

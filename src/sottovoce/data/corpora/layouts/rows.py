"""The result of every layout: one row for each utterance or recording, not yet checked against its audio."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ....quantities import Seconds

if TYPE_CHECKING:
    from lhotse.cut import Cut


@dataclass(frozen=True)
class Segment:
    """The speech of one speaker in a part of a row.

    Attributes:
        start, end: seconds from the beginning of the row's audio.
        where: file and line of the segment in error messages.
        speaker, text: ``None`` where the corpus does not have them.
    """

    start: Seconds
    end: Seconds
    where: str
    speaker: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class CorpusRow:
    """An utterance or recording as a corpus lists it, which becomes one cut.

        file       |---------------------------------------------|
        row             start |----------------------| end             (the whole file if they are None)
        segments                |--anna--|  |-anna-|                   (one over the whole row if it is None)
                                       |---ben---|
        regions               |-----------------|                      (the parts that are scored: the file's UEM)

    Attributes:
        name: id of the cut, by which trials refer to it.
        path: the audio file.
        where: file and line of the row in error messages (``manifest.tsv line 7``).
        split: name of the split that the row belongs to.
        speaker, text, gender: ``None`` where the corpus does not have them.
        duration: listed duration in seconds, which is checked against the audio.
        custom: further fields of the supervision, or of the cut if there are ``segments``. Names that all layouts use:
            ``label`` (bonafide, spoof), ``attack``, ``codec``, ``intent`` and ``slots`` (``[{"type": ..., "filler": ...}]``).
        recording: id of the recording, if several rows are parts of it; otherwise ``name``.
        start, end: the part of the file that the row consists of, in seconds.
        channel: the channel of the file that the row consists of.
        side: as ``channel``, but for a file that may hold both sides of a call or only this one.
        segments: the turns of the row; empty if nobody speaks, ``None`` for one segment over the whole row.
        regions: the parts that are scored, kept as ``cut.uem``.
        unscored: the parts that are not scored, taken out of ``cut.uem``; an end may be infinite.
        content: a function that returns the bytes of an encoded audio file, if the audio is not in a file of its own. It is
            written as FLAC beside the cuts. Rows with the same ``content`` object share the file.
        cut: the finished cut, if the corpus consists of cuts already.
    """

    name: str
    path: Path
    where: str
    split: str = "all"
    speaker: str | None = None
    text: str | None = None
    gender: str | None = None
    duration: Seconds | None = None
    custom: Mapping[str, object] = field(default_factory=dict)
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
"""``layout(source, faults, *, ...) -> rows`` reads a corpus, and adds a message with file and line to ``faults`` for
everything that it cannot read. The keyword arguments after ``faults`` are the options of the layout; each has a type and a
default."""

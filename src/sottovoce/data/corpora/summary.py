"""Statistics of a manifest."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...quantities import Seconds

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from .cut_records import CutRecord


EDGES = (0, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120, 300, 600, 1800, 3600)
"""Seconds at which the bins of the histogram of durations begin; the last has no end."""


@dataclass
class Summary:
    """Statistics of some cuts.

    Attributes:
        cuts, recordings: number of cuts and recordings.
        seconds: duration of all cuts.
        speech, overlap: seconds with one or more, and with two or more speakers, for cuts with several segments.
        scored: seconds inside UEM regions; ``None`` if there are no regions.
        speakers: number of cuts of each speaker.
        genders: number of supervisions of each gender.
        texts: number of supervisions with a text.
        words, vocabulary: number of words, and of different words, in all texts.
        fields: custom field -> count of each of its values.
        durations: durations of the cuts, sorted.
    """

    cuts: int = 0
    recordings: int = 0
    seconds: Seconds = 0.0
    speech: Seconds | None = None
    overlap: Seconds | None = None
    scored: Seconds | None = None
    speakers: Counter[str] = field(default_factory=Counter)
    genders: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    words: int = 0
    vocabulary: int = 0
    fields: dict[str, Counter[str]] = field(default_factory=dict)
    durations: list[Seconds] = field(default_factory=list)

    def histogram(self) -> list[tuple[Seconds, int]]:
        """Lower edge and number of cuts of each bin, without the empty bins at both ends."""
        counts = [0] * len(EDGES)
        for seconds in self.durations:
            counts[max(k for k, edge in enumerate(EDGES) if edge <= seconds)] += 1
        used = [k for k, count in enumerate(counts) if count]
        return [(EDGES[k], counts[k]) for k in range(used[0], used[-1] + 1)] if used else []

    def as_dict(self) -> dict[str, object]:
        """The statistics as plain data for JSON."""
        lengths = self.durations
        return {
            "cuts": self.cuts,
            "recordings": self.recordings,
            "hours": self.seconds / 3600,
            "speech_hours": None if self.speech is None else self.speech / 3600,
            "overlap_hours": None if self.overlap is None else self.overlap / 3600,
            "scored_hours": None if self.scored is None else self.scored / 3600,
            "speakers": len(self.speakers),
            "genders": dict(self.genders.most_common()),
            "texts": self.texts,
            "words": self.words,
            "vocabulary": self.vocabulary,
            "fields": {name: dict(values.most_common()) for name, values in self.fields.items()},
            "shortest": lengths[0] if lengths else None,
            "median": statistics.median(lengths) if lengths else None,
            "longest": lengths[-1] if lengths else None,
            "histogram": [{"from": start, "cuts": count} for start, count in self.histogram()],
        }


def summarize(cuts: Iterable[Cut | CutRecord]) -> Summary:
    """The statistics of some cuts; their audio is not read."""
    summary = Summary()
    recordings: set[str] = set()
    vocabulary: set[str] = set()
    fields: dict[str, Counter[str]] = defaultdict(Counter)
    for cut in cuts:
        summary.cuts += 1
        summary.seconds += cut.duration
        summary.durations.append(cut.duration)
        recordings.add(recording.id if (recording := getattr(cut, "recording", None)) is not None else cut.id)
        custom = dict(getattr(cut, "custom", None) or {})
        if "uem" in custom:
            summary.scored = (summary.scored or 0.0) + sum(end - start for start, end in custom.pop("uem"))
        _count(fields, custom)
        summary.speakers.update(
            {supervision.speaker for supervision in cut.supervisions if supervision.speaker is not None}
        )
        for supervision in cut.supervisions:
            if supervision.gender is not None:
                summary.genders[supervision.gender] += 1
            if supervision.text is not None:
                summary.texts += 1
                summary.words += len(supervision.text.split())
                vocabulary.update(supervision.text.split())
            _count(fields, supervision.custom or {})
        if len(cut.supervisions) != 1 or cut.supervisions[0].duration < cut.duration:
            speech, overlap = _spoken(cut)
            summary.speech = (summary.speech or 0.0) + speech
            summary.overlap = (summary.overlap or 0.0) + overlap
    summary.recordings, summary.vocabulary = len(recordings), len(vocabulary)
    summary.fields = dict(sorted(fields.items()))
    summary.durations.sort()
    return summary


def _count(fields: dict[str, Counter[str]], custom: dict[str, Any]) -> None:
    for name, value in custom.items():
        if name == "slots" and isinstance(value, list):
            fields["slots"].update(str(slot.get("type")) for slot in value if isinstance(slot, dict))
        elif isinstance(value, str | int | bool) and value != "":
            fields[name][str(value)] += 1


def _spoken(cut: Cut | CutRecord) -> tuple[Seconds, Seconds]:
    """Seconds with one or more, and with two or more speakers; overlapping turns of the same speaker count once."""
    edges: list[tuple[Seconds, int, str]] = []
    for number, supervision in enumerate(cut.supervisions):
        who = supervision.speaker if supervision.speaker is not None else f"#{number}"
        edges += [(max(supervision.start, 0.0), 1, who), (min(supervision.end, cut.duration), -1, who)]
    active: Counter[str] = Counter()
    speech = overlap = last = 0.0
    for time, step, who in sorted(edges):
        talking = sum(count > 0 for count in active.values())
        speech += (time - last) * (talking >= 1)
        overlap += (time - last) * (talking >= 2)
        active[who] += step
        last = time
    return speech, overlap

"""What is in a manifest, in numbers."""

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
    """Numbers of some cuts.

    Attributes:
        cuts, recordings: how many.
        seconds: of all cuts together.
        speech, overlap: seconds in which somebody, and in which two or more, speak; where cuts have several segments.
        scored: seconds inside UEM regions, ``None`` where there are none.
        speakers: cuts in which each speaker talks.
        genders: supervisions by gender.
        words, vocabulary: of all texts, and how many supervisions have one.
        fields: custom field -> how often each of its values comes.
        durations: of the cuts, sorted.
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
        """Where each bin begins, and how many cuts are in it; without the empty bins at both ends."""
        counts = [0] * len(EDGES)
        for seconds in self.durations:
            counts[max(k for k, edge in enumerate(EDGES) if edge <= seconds)] += 1
        used = [k for k, count in enumerate(counts) if count]
        return [(EDGES[k], counts[k]) for k in range(used[0], used[-1] + 1)] if used else []

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
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
    """Count what is in some cuts; the audio is not touched."""
    found = Summary()
    recordings: set[str] = set()
    vocabulary: set[str] = set()
    fields: dict[str, Counter[str]] = defaultdict(Counter)
    for cut in cuts:
        found.cuts += 1
        found.seconds += cut.duration
        found.durations.append(cut.duration)
        recordings.add(recording.id if (recording := getattr(cut, "recording", None)) is not None else cut.id)
        custom = dict(getattr(cut, "custom", None) or {})
        if "uem" in custom:
            found.scored = (found.scored or 0.0) + sum(end - start for start, end in custom.pop("uem"))
        _count(fields, custom)
        found.speakers.update({said.speaker for said in cut.supervisions if said.speaker is not None})
        for said in cut.supervisions:
            if said.gender is not None:
                found.genders[said.gender] += 1
            if said.text is not None:
                found.texts += 1
                found.words += len(said.text.split())
                vocabulary.update(said.text.split())
            _count(fields, said.custom or {})
        if len(cut.supervisions) != 1 or cut.supervisions[0].duration < cut.duration:
            speech, overlap = _spoken(cut)
            found.speech = (found.speech or 0.0) + speech
            found.overlap = (found.overlap or 0.0) + overlap
    found.recordings, found.vocabulary = len(recordings), len(vocabulary)
    found.fields = dict(sorted(fields.items()))
    found.durations.sort()
    return found


def _count(fields: dict[str, Counter[str]], custom: dict[str, Any]) -> None:
    for name, value in custom.items():
        if name == "slots" and isinstance(value, list):
            fields["slots"].update(str(slot.get("type")) for slot in value if isinstance(slot, dict))
        elif isinstance(value, str | int | bool) and value != "":
            fields[name][str(value)] += 1


def _spoken(cut: Cut | CutRecord) -> tuple[Seconds, Seconds]:
    """Seconds in which one or more, and two or more, speakers talk; a speaker who overlaps himself counts once."""
    edges: list[tuple[Seconds, int, str]] = []
    for number, said in enumerate(cut.supervisions):
        who = said.speaker if said.speaker is not None else f"#{number}"
        edges += [(max(said.start, 0.0), 1, who), (min(said.end, cut.duration), -1, who)]
    active: Counter[str] = Counter()
    speech = overlap = last = 0.0
    for time, step, who in sorted(edges):
        talking = sum(count > 0 for count in active.values())
        speech += (time - last) * (talking >= 1)
        overlap += (time - last) * (talking >= 2)
        active[who] += step
        last = time
    return speech, overlap

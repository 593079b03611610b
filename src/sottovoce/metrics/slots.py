"""Counts of right and wrong slots: F1 of exact slots, and the SLU-F1 of SLURP, which gives partial credit (2011.13205).

SLU-F1 sums two tables of counts, by words and by letters. In each, a slot of the right type is a hit, and the distance of
its filler is added to both the false alarms and the misses::

    gold       date: tomorrow morning      place: paris
    found      date: tomorrow              artist: paris

    words      date: hit 1, both sides + 1/2        place: missed 1        artist: false alarm 1
    letters    date: hit 1, both sides + 8/16       place: missed 1        artist: false alarm 1
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .edits import align

Slot: TypeAlias = tuple[str, str]
"""Type and filler."""

Distance: TypeAlias = Callable[[str, str], float]
"""``distance(gold, found) -> number``; 0 if both are equal."""


@dataclass(frozen=True)
class Counts:
    """Counts of right and wrong slots, which may be fractions.

    Attributes:
        hits, false_alarms, misses: true positives, false positives and false negatives.
    """

    hits: float = 0.0
    false_alarms: float = 0.0
    misses: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.hits + other.hits, self.false_alarms + other.false_alarms, self.misses + other.misses)

    @property
    def f1(self) -> float:
        """``2 hits / (2 hits + false alarms + misses)``; 0 if all counts are 0, as in SLURP's own scorer."""
        total = 2 * self.hits + self.false_alarms + self.misses
        return 2 * self.hits / total if total else 0.0


def exact_counts(gold: Sequence[Slot], found: Sequence[Slot]) -> Counts:
    """Counts of the slots of an utterance; type and filler must be right."""
    left = list(gold)
    hits = 0
    for slot in found:
        if slot in left:
            left.remove(slot)
            hits += 1
    return Counts(hits, len(found) - hits, len(left))


def distance_counts(gold: Sequence[Slot], found: Sequence[Slot], distance: Distance) -> Counts:
    """Counts of the slots of an utterance; the type must be right, and a wrong filler counts by its distance.

    Every found slot, in order, is matched to the nearest gold slot of its type that is still free, as in SLURP's scorer.
    """
    left = list(gold)
    hits = false_alarms = misses = 0.0
    for kind, filler in found:
        free = [(distance(slot[1], filler), place) for place, slot in enumerate(left) if slot[0] == kind]
        if not free:
            false_alarms += 1
            continue
        off, place = min(free)
        left.pop(place)
        hits, false_alarms, misses = hits + 1, false_alarms + off, misses + off
    return Counts(hits, false_alarms, misses + len(left))


def word_distance(gold: str, found: str) -> float:
    """Word errors divided by the number of words of the gold filler; it can exceed 1."""
    words = gold.split()
    return _errors(words, found.split()) / max(len(words), 1)


def character_distance(gold: str, found: str) -> float:
    """Character errors divided by the number of characters of the longer filler, 0..1."""
    return _errors(list(gold), list(found)) / max(len(gold), len(found), 1)


def slu_counts(gold: Sequence[Slot], found: Sequence[Slot]) -> Counts:
    """The counts of SLU-F1: those by words and those by characters, added."""
    return distance_counts(gold, found, word_distance) + distance_counts(gold, found, character_distance)


def _errors(gold: Sequence[str], found: Sequence[str]) -> int:
    return sum(step != "hit" for step, _, _ in align(gold, found))

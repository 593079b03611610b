"""The semantics of utterances (intents and slots), and their accuracy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import DataError
from .intervals import Interval
from .ratio_intervals import bootstrap_ratio
from .slots import Counts, Slot, exact_counts, slu_counts


@dataclass(frozen=True)
class Semantics:
    """The semantics of an utterance.

    Attributes:
        intents: field -> intent: ``{"intent": "alarm_set"}``, or ``{"scenario": "alarm", "action": "set"}``.
        slots: type and filler of each filled slot, in the order of the corpus.
    """

    intents: Mapping[str, str] = field(default_factory=dict)
    slots: tuple[Slot, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Whether intents and slots are the same; order does not matter."""
        return (
            isinstance(other, Semantics)
            and dict(self.intents) == dict(other.intents)
            and sorted(self.slots) == sorted(other.slots)
        )

    __hash__ = None  # type: ignore[assignment]


EMPTY = Semantics()
"""The semantics that are assumed for an utterance without a prediction."""


class SemanticScore:
    """Gold semantics against predictions; an utterance without a prediction counts as wrong.

    Args:
        gold: utterance -> gold semantics.
        found: utterance -> predicted semantics.
        groups: utterance -> its group for intervals, such as its speaker; ``None`` resamples single utterances.

    Raises:
        DataError: there are no gold utterances, or predictions for other utterances.
    """

    def __init__(
        self,
        gold: Mapping[str, Semantics],
        found: Mapping[str, Semantics],
        groups: Mapping[str, str] | None = None,
    ) -> None:
        if not gold:
            raise DataError("intents: no utterances to score")
        if surplus := sorted(set(found) - set(gold)):
            raise DataError(f"intents: {len(surplus)} predictions for unknown utterances, the first is {surplus[0]}")
        self.gold = gold
        self.found = {name: found.get(name, EMPTY) for name in gold}
        self.missing = len(gold) - len(found)
        self._groups = groups or {name: name for name in gold}

    def intent_accuracy(self, fields: Sequence[str] | None = None) -> Fraction:
        """Share of the utterances in which all of these intents (by default all intents) are right."""

        def right(gold: Semantics, found: Semantics) -> bool:
            return all(found.intents.get(name) == gold.intents[name] for name in fields or gold.intents)

        return self._share(lambda gold, found: (float(right(gold, found)), 1.0))

    def exact_match(self) -> Fraction:
        """Share of the utterances in which intents and slots are exactly right."""
        return self._share(lambda gold, found: (float(gold == found), 1.0))

    def slot_accuracy(self, types: Sequence[str]) -> Fraction:
        """Share of the slots of these types that are filled correctly, or correctly left empty."""

        def right(gold: Semantics, found: Semantics) -> float:
            return sum(_fillers(gold, kind) == _fillers(found, kind) for kind in types)

        return self._share(lambda gold, found: (right(gold, found), float(len(types))))

    def slot_f1(self) -> Fraction:
        """Micro-averaged F1 of slots; a slot is right if type and filler are."""
        return self._f1(exact_counts)

    def slu_f1(self) -> Fraction:
        """SLU-F1 (2011.13205), micro-averaged."""
        return self._f1(slu_counts)

    def _f1(self, count: Callable[[Sequence[Slot], Sequence[Slot]], Counts]) -> Fraction:
        def parts(gold: Semantics, found: Semantics) -> tuple[float, float]:
            counts = count(gold.slots, found.slots)
            return 2 * counts.hits, 2 * counts.hits + counts.false_alarms + counts.misses

        return self._share(parts)

    def _share(self, parts: Callable[[Semantics, Semantics], tuple[float, float]]) -> Fraction:
        sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for name, gold in self.gold.items():
            part, whole = parts(gold, self.found[name])
            sums[self._groups[name]][0] += part
            sums[self._groups[name]][1] += whole
        table = np.array([sums[group] for group in sorted(sums)])
        return Fraction(table[:, 0], table[:, 1])


@dataclass(frozen=True)
class Fraction:
    """A ratio of sums over groups: a share, or F1 (which is ``2 hits`` over ``2 hits + false alarms + misses``).

    Attributes:
        parts, wholes: ``[G]`` numerator and denominator of each group.
    """

    parts: np.ndarray
    wholes: np.ndarray

    @property
    def value(self) -> float:
        """The ratio over all groups; 0 if the denominator is 0."""
        return float(self.parts.sum() / whole) if (whole := self.wholes.sum()) else 0.0

    def interval(self, *, draws: int = 1000) -> Interval | None:
        """The ratio with its 95 % bootstrap interval over groups; ``None`` if there are too few groups."""
        if len(self.wholes) < 2 or not self.wholes.any():
            return None
        return bootstrap_ratio(self.parts, self.wholes, draws=draws)


def _fillers(meaning: Semantics, kind: str) -> list[str]:
    return sorted(filler for each, filler in meaning.slots if each == kind)

"""What an utterance means, intents and slots, and how often that was understood."""

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
    """The meaning of an utterance.

    Attributes:
        intents: field -> what it is: ``{"intent": "alarm_set"}``, or ``{"scenario": "alarm", "action": "set"}``.
        slots: type and filler of each, in the order of the corpus; slots that are not filled are not there.
    """

    intents: Mapping[str, str] = field(default_factory=dict)
    slots: tuple[Slot, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Whether intents and slots are the same, in whichever order."""
        return (
            isinstance(other, Semantics)
            and dict(self.intents) == dict(other.intents)
            and sorted(self.slots) == sorted(other.slots)
        )

    __hash__ = None  # type: ignore[assignment]


NOTHING = Semantics()
"""What was understood of an utterance for which there is no prediction."""


class SemanticScore:
    """Every gold utterance against what was understood of it; one without a prediction is wrong, and never left out.

    Args:
        gold: by utterance.
        found: by utterance.
        groups: what is drawn together for intervals, by utterance: its speaker. ``None`` draws utterances.

    Raises:
        DataError: there are no gold utterances, or predictions for others.
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
        self.found = {name: found.get(name, NOTHING) for name in gold}
        self.missing = len(gold) - len(found)
        self._groups = groups or {name: name for name in gold}

    def intent_accuracy(self, fields: Sequence[str] | None = None) -> Fraction:
        """How often these intents (by default all of an utterance) are right together."""

        def right(gold: Semantics, found: Semantics) -> bool:
            return all(found.intents.get(name) == gold.intents[name] for name in fields or gold.intents)

        return self._share(lambda gold, found: (float(right(gold, found)), 1.0))

    def exact_match(self) -> Fraction:
        """How often all intents and all slots of an utterance are right, and none is there that should not be."""
        return self._share(lambda gold, found: (float(gold == found), 1.0))

    def slot_accuracy(self, types: Sequence[str]) -> Fraction:
        """How often a slot of these types is filled as it should be, or left empty as it should be."""

        def right(gold: Semantics, found: Semantics) -> float:
            return sum(_fillers(gold, kind) == _fillers(found, kind) for kind in types)

        return self._share(lambda gold, found: (right(gold, found), float(len(types))))

    def slot_f1(self) -> Fraction:
        """F1 over slots, type and filler right, micro-averaged."""
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
    """A rate as sums of each group: shares right, or F1 (which is ``2 hits`` over ``2 hits + false alarms + misses``).

    Attributes:
        parts, wholes: ``[G]``.
    """

    parts: np.ndarray
    wholes: np.ndarray

    @property
    def value(self) -> float:
        """The rate over all groups; 0 where there is nothing to count."""
        return float(self.parts.sum() / whole) if (whole := self.wholes.sum()) else 0.0

    def interval(self, *, draws: int = 1000) -> Interval | None:
        """With its 95 % bootstrap interval over groups; ``None`` where there is nothing to draw from."""
        if len(self.wholes) < 2 or not self.wholes.any():
            return None
        return bootstrap_ratio(self.parts, self.wholes, draws=draws)


def _fillers(meaning: Semantics, kind: str) -> list[str]:
    return sorted(filler for each, filler in meaning.slots if each == kind)

"""Zones of a reference that are not scored, as in NIST's md-eval.

    NOSCORE   |======|            excluded from scoring and from the pairing of speakers
    NON-LEX      |~~~|            laughs, coughs ...: excluded from scoring with up to 0.5 s around it, but not beyond
                                  a boundary of a turn or a word
    SPEAKER  |-------------|

If no boundary of a turn or a word follows the last zone, it extends to the end of the recording, as nothing is annotated
after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..quantities import Seconds

Stretch = tuple[Seconds, Seconds]

REACH = 0.5
"""Maximum number of seconds on each side of a non-lexical sound that are not scored either."""


class Zones(NamedTuple):
    """The unscored zones of one recording.

    Attributes:
        noscore: stretches that are excluded from scoring and from the pairing of speakers.
        nonlexical: stretches of non-lexical sounds, such as laughs.
        words: stretches of words, at whose boundaries the zones around non-lexical sounds end.
    """

    noscore: Sequence[Stretch] = ()
    nonlexical: Sequence[Stretch] = ()
    words: Sequence[Stretch] = ()

    def unscored(self, turns: Iterable[tuple[Seconds, Seconds, str]]) -> tuple[list[Stretch], list[Stretch]]:
        """Stretches that are excluded from scoring and pairing, and stretches that are excluded only from scoring.

        Args:
            turns: the turns of the reference.
        """
        spoken = [(start, end) for start, end, _ in turns]
        everywhere = _extended(self.noscore, spoken, self.words, 0.0)
        return everywhere, _extended(self.nonlexical, spoken, self.words, REACH)


def subtract_stretches(regions: Iterable[Stretch], zones: Iterable[Stretch]) -> list[Stretch]:
    """The regions without the zones."""
    left = list(regions)
    for begin, stop in zones:
        left = [
            part
            for start, end in left
            for part in ((start, min(end, begin)), (max(start, stop), end))
            if part[0] < part[1]
        ]
    return left


def _extended(
    zones: Sequence[Stretch], turns: Sequence[Stretch], words: Sequence[Stretch], reach: Seconds
) -> list[Stretch]:
    """Zones extended by up to ``reach`` on each side, but not beyond a boundary of a turn or a word."""
    apart = merge_stretches(zones)
    found: list[Stretch] = []
    for start, end in apart:
        before = [edge for turn in turns for edge in turn if edge <= start]
        # A turn that ends together with a zone inside it does not limit the zone, as in md-eval.
        behind = [edge for a, b in turns for edge in (a, b) if edge > end or (edge == end and (edge == a or a > start))]
        before += [min(b, start) for a, b in words if a < start]
        behind += [max(a, end) for a, b in words if b > end]
        last = min([end + reach, *behind]) if behind or end < apart[-1][1] else math.inf
        found.append((max([start - reach, *before]), last))
    return found


def merge_stretches(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The stretches in order, where those that overlap or touch are merged."""
    found: list[Stretch] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found

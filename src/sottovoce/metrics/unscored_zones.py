"""Parts of a reference that are not scored, as NIST's md-eval leaves them out.

    NOSCORE   |======|            exactly so long; speakers are not paired by it either
    NON-LEX      |~~~|            laughs, coughs ...: paired, not scored, and up to 0.5 s around it neither, as far as
                                  nobody begins or ends to speak, and no word lies there
    SPEAKER  |-------------|

A zone that no boundary of a speaker follows goes on to the end: what comes after it was not annotated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..quantities import Seconds

Stretch = tuple[Seconds, Seconds]

REACH = 0.5
"""Seconds around what is no word that are not scored either, at most."""


class Zones(NamedTuple):
    """What a reference says beside who speaks, in one recording.

    Attributes:
        noscore: stretches that are not scored.
        nonlexical: stretches of sounds that are no words.
        words: stretches of words.
    """

    noscore: Sequence[Stretch] = ()
    nonlexical: Sequence[Stretch] = ()
    words: Sequence[Stretch] = ()

    def unscored(self, turns: Iterable[tuple[Seconds, Seconds, str]]) -> tuple[list[Stretch], list[Stretch]]:
        """What is left out everywhere, and what is only not scored, given who speaks when in the reference."""
        spoken = [(start, end) for start, end, _ in turns]
        everywhere = _extended(self.noscore, spoken, self.words, 0.0)
        return everywhere, _extended(self.nonlexical, spoken, self.words, REACH)


def subtract_stretches(regions: Iterable[Stretch], zones: Iterable[Stretch]) -> list[Stretch]:
    """Regions with the zones cut out of them."""
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
    """Zones with ``reach`` around them, as far as no edge of a turn and no word is met."""
    apart = merge_stretches(zones)
    found: list[Stretch] = []
    for start, end in apart:
        before = [edge for turn in turns for edge in turn if edge <= start]
        # A turn that ends with a zone in it does not bound it: md-eval has passed its end by then.
        behind = [edge for a, b in turns for edge in (a, b) if edge > end or (edge == end and (edge == a or a > start))]
        before += [min(b, start) for a, b in words if a < start]
        behind += [max(a, end) for a, b in words if b > end]
        last = min([end + reach, *behind]) if behind or end < apart[-1][1] else math.inf
        found.append((max([start - reach, *before]), last))
    return found


def merge_stretches(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same time as few stretches, in order; those that overlap or touch become one."""
    found: list[Stretch] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found

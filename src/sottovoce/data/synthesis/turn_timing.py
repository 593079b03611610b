"""Who speaks when in an invented conversation: turns with pauses between them, and exactly so much overlap as asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ...errors import DataError

WholeMilliseconds: TypeAlias = int

_LEAD = 500
"""Silence before the first turn."""

_SAME = 0.15
"""How often a speaker goes on after a pause."""


def speaker_order(turns: int, speakers: int, generator: np.random.Generator) -> list[int]:
    """The speaker of each turn; all of them speak, where there are as many turns."""
    order = generator.permutation(speakers).tolist()[:turns]
    while len(order) < turns:
        others = [speaker for speaker in range(speakers) if speaker != order[-1]]
        order.append(order[-1] if generator.random() < _SAME else others[generator.integers(len(others))])
    return order


def turn_starts(
    durations: Sequence[WholeMilliseconds],
    speakers: Sequence[int],
    generator: np.random.Generator,
    *,
    overlap: float,
    pause: float,
) -> list[WholeMilliseconds]:
    """When each turn begins.

        anna   |-----------------|               |--------|
        ben                 |-------------|                      <- overlap     at most two at once
        carl                                                |--------|          <- pause

    A turn may run into the last half of the one before, if that is another speaker's, and has its second half alone
    then. Which do is drawn, until the overlap is what was asked for; where halves are not enough, they run in further.

    Args:
        durations: of the turns, in their order.
        speakers: of the turns.
        generator: of pauses and overlaps.
        overlap: seconds in which two speak, as a part of those in which anyone does.
        pause: mean seconds between two turns that do not overlap.

    Raises:
        DataError: these turns cannot overlap so much.
    """
    # The time in which anyone speaks is that of all turns, counted once where two speak: O / (D - O) = overlap.
    missing = round(sum(durations) * overlap / (1 + overlap))
    overlaps = [0] * (len(durations) + 1)  # of a turn with the one before
    changes = [k for k in range(1, len(speakers)) if speakers[k] != speakers[k - 1]]
    for k in generator.permutation(changes).tolist():
        room = min(durations[k - 1], durations[k]) // 2
        overlaps[k] = min(missing, round(room * generator.uniform(0.2, 1.0)))
        missing -= overlaps[k]
    for k in changes:  # up to where a third would join in
        room = min(durations[k - 1] - overlaps[k - 1], durations[k] - overlaps[k + 1])
        more = min(missing, max(room - overlaps[k], 0))
        overlaps[k] += more
        missing -= more
    if missing:
        raise DataError(
            f"synthesize diarization: {len(durations)} turns cannot overlap by {overlap:g} of the speech;"
            " ask for less, or for longer conversations"
        )
    starts, end = [], _LEAD
    for k, duration in enumerate(durations):
        gap = 0 if k == 0 else round(1_000 * generator.gamma(2.0, pause / 2))
        starts.append(end - overlaps[k] if overlaps[k] else end + gap)
        end = starts[-1] + duration
    return starts

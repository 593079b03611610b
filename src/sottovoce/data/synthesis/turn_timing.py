"""The timing of turns in a synthetic conversation: pauses between turns, and an exact share of overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ...errors import DataError

WholeMilliseconds: TypeAlias = int

_LEAD = 500
"""Silence before the first turn, in milliseconds."""

_SAME = 0.15
"""Probability that the same speaker continues after a pause."""


def speaker_order(turns: int, speakers: int, generator: np.random.Generator) -> list[int]:
    """The speaker of each turn; all speakers have a turn if there are enough turns."""
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
    """The start of each turn.

        anna   |-----------------|               |--------|
        ben                 |-------------|                      <- overlap     at most two at once
        carl                                                |--------|          <- pause

    A turn of another speaker may begin in the second half of the turn before it, and its own second half is then free of
    overlap. Overlaps are drawn until their total is reached; if halves of turns are not enough, turns overlap by more.

    Args:
        durations: ``[N]`` durations of the turns in milliseconds, in order.
        speakers: ``[N]`` speaker of each turn.
        generator: draws pauses and overlaps.
        overlap: duration of overlapped speech divided by the duration of all speech.
        pause: mean pause in seconds between two turns that do not overlap.

    Raises:
        DataError: these turns cannot have so much overlap.
    """
    # With total duration D of the turns and total overlap O, speech lasts D - O, so that O / (D - O) = overlap.
    missing = round(sum(durations) * overlap / (1 + overlap))
    overlaps = [0] * (len(durations) + 1)  # overlap of each turn with the previous turn
    changes = [k for k in range(1, len(speakers)) if speakers[k] != speakers[k - 1]]
    for k in generator.permutation(changes).tolist():
        room = min(durations[k - 1], durations[k]) // 2
        overlaps[k] = min(missing, round(room * generator.uniform(0.2, 1.0)))
        missing -= overlaps[k]
    for k in changes:  # up to the limit at which a third speaker would overlap
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

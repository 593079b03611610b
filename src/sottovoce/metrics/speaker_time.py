"""Activity of reference and system speakers in each piece of time, from which diarization errors are computed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..quantities import Seconds

Turns = Iterable[tuple[Seconds, Seconds, str]]
"""``(start, end, speaker)`` of each turn, as `sottovoce.data.corpora.rttm.read_rttm` gives them."""

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

TICKS = 1_000_000
"""Ticks per second: times are whole ticks, so that rounding errors cannot move a boundary."""


LONGEST = 1e9
"""Largest time in seconds that is accepted: 31 years."""


def to_ticks(turns: Turns, what: str) -> tuple[Ints, list[str]]:
    """The turns as ``[N, 3]`` of start tick, end tick and speaker index, and the names of the speakers."""
    listed = list(turns)
    names = sorted({speaker for _, _, speaker in listed})
    number = {name: place for place, name in enumerate(names)}
    times = np.array([(start, end) for start, end, _ in listed], np.float64).reshape(-1, 2)
    fits = np.isfinite(times).all(1) & (times[:, 0] < times[:, 1]) & (np.abs(times) <= LONGEST).all(1)
    wrong = np.flatnonzero(~fits)
    if len(wrong):
        start, end = times[wrong[0]]
        raise DataError(
            f"diarization: {what}: from {start:g} to {end:g} s is not a valid interval;"
            " it must start at 0 or later and end after its start"
        )
    whose = np.array([number[speaker] for _, _, speaker in listed], np.int64).reshape(-1, 1)
    return np.concatenate([np.rint(times * TICKS).astype(np.int64), whose], axis=1), names


def join_overlapping(turns: Ints) -> Ints:
    """Merge overlapping turns of a speaker; turns that only touch keep their boundary, as in md-eval."""
    merged: list[list[int]] = []
    for start, end, speaker in sorted(turns.tolist(), key=lambda turn: (turn[2], turn[0], turn[1])):
        if merged and merged[-1][2] == speaker and start < merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end, speaker])
    return np.array(merged, np.int64).reshape(-1, 3)


def activity_by_piece(ref: Ints, hyp: Ints, inside: Ints, outside: Ints) -> tuple[Ints, Ints, Ints, Flags, Flags]:
    """Split time at every boundary into ``P`` pieces.

    Returns:
        ``lengths [P]`` in ticks; ``of_ref [R, P]`` and ``of_hyp [H, P]`` of 0 and 1, the activity of each speaker; and
        ``inside [P]`` and ``outside [P]``, whether a piece lies in the stretches of the argument of that name.
    """
    edges = np.unique(np.concatenate([times[:, :2].ravel() for times in (ref, hyp, inside, outside)]))
    pieces = max(len(edges) - 1, 0)

    def active(times: Ints, rows: Ints, count: int) -> Ints:
        steps = np.zeros((count, pieces + 1), np.int64)
        np.add.at(steps, (rows, np.searchsorted(edges, times[:, 0])), 1)
        np.add.at(steps, (rows, np.searchsorted(edges, times[:, 1])), -1)
        return (steps.cumsum(1)[:, :pieces] > 0).astype(np.int64)

    of_ref, of_hyp = (active(times, times[:, 2], int(times[:, 2].max(initial=-1)) + 1) for times in (ref, hyp))
    within, without = (active(times, np.zeros(len(times), np.int64), 1)[0] > 0 for times in (inside, outside))
    return np.diff(edges), of_ref, of_hyp, within, without

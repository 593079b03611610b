"""From local decisions and clusters to one line of time: overlap-add, speaker count, turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..data.activity import FIELD, STEP
from ..data.audio import SAMPLE_RATE
from ..data.rttm import Turn

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


def smooth(activity: Flags, width: int) -> Flags:
    """Median of ``width`` frames (odd) over time of ``activity[W, T, K]``, mirrored at the ends of a window."""
    half = width // 2
    T = activity.shape[1]
    if not half or half >= T:
        return activity
    mirrored = np.concatenate([activity[:, half - 1 :: -1], activity, activity[:, : -half - 1 : -1]], axis=1)
    total = mirrored.cumsum(1, dtype=np.int32)
    total = np.concatenate([np.zeros_like(total[:, :1]), total], axis=1)
    return total[:, width:] - total[:, :-width] > half


def speaker_counts(activity: Flags, starts: Ints, frames: int) -> Ints:
    """Speakers at once ``[frames]``: the rounded mean of what the windows over a frame say."""
    total, heard = np.zeros(frames), np.zeros(frames)
    for start, said in zip(starts, activity.sum(2), strict=True):
        length = min(len(said), frames - start)
        total[start : start + length] += said[:length]
        heard[start : start + length] += 1
    return np.rint(total / np.maximum(heard, 1)).astype(np.int64)


def stitched(activity: Flags, starts: Ints, clusters: Ints, counts: Ints) -> Flags:
    """Who speaks when ``[frames, C]``: in each frame as many speakers as counted, those that most windows heard.

    Args:
        activity: ``[W, T, K]`` of local speakers.
        starts: ``[W]`` first frame of each window.
        clusters: ``[W, K]`` the cluster of each local speaker, -1 for none.
        counts: ``[frames]`` speakers at once.
    """
    frames, C = len(counts), int(clusters.max(initial=-1)) + 1
    votes = np.zeros((frames, C), np.float32)
    for start, said, who in zip(starts, activity, clusters, strict=True):
        length = min(len(said), frames - start)
        for cluster in np.unique(who[who >= 0]):
            # Local speakers that share a cluster are one voice there.
            votes[start : start + length, cluster] += said[:length, who == cluster].any(1)
    order = np.argsort(-votes, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(C)[None], axis=1)
    return (rank < counts[:, None]) & (votes > 0)


def turns_of(active: Flags, names: list[str], duration: float) -> list[Turn]:
    """Turns of ``active[frames, C]``; a frame stands for the step around its middle, and the ends for what is beyond."""
    frames = len(active)
    early = (FIELD - STEP) / 2 / SAMPLE_RATE
    found = []
    for column, name in zip(active.T, names, strict=True):
        edges = np.flatnonzero(np.diff(column, prepend=False, append=False))
        for first, last in edges.reshape(-1, 2).tolist():
            start = first * STEP / SAMPLE_RATE + early if first else 0.0
            end = last * STEP / SAMPLE_RATE + early if last < frames else duration
            found.append(Turn(round(start, 6), round(end, 6), name))
    return sorted(found)

"""From local decisions and clusters to one line of time: overlap-add, speaker count, turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..data.audio.frames import FRAME_LENGTH, FRAME_STEP
from ..data.corpora.rttm import Turn
from ..quantities import SAMPLE_RATE

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


def median_filter(activity: Flags, width: int) -> Flags:
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


def most_active(activity: Flags, most: int) -> Flags:
    """``activity[W, T, K]`` of the ``most`` local speakers that speak longest; the others say nothing."""
    order = np.argsort(-activity.sum((0, 1)), kind="stable")
    kept = np.zeros(activity.shape[2], np.bool_)
    kept[order[:most]] = True
    return activity & kept


def stitch_windows(activity: Flags, starts: Ints, clusters: Ints, counts: Ints, least: int = 1) -> Flags:
    """Who speaks when ``[frames, C]``: in each frame as many speakers as counted, those that most windows heard.

    Args:
        activity: ``[W, T, K]`` of local speakers.
        starts: ``[W]`` first frame of each window.
        clusters: ``[W, K]`` the cluster of each local speaker, -1 for none.
        counts: ``[frames]`` speakers at once.
        least: clusters that are heard at all, if so many were found, see `keep_outvoted_clusters`.
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
    spoken = (rank < counts[:, None]) & (votes > 0)
    keep_outvoted_clusters(spoken, votes, least)
    return spoken


def keep_outvoted_clusters(spoken: Flags, votes: NDArray[np.float32], least: int) -> None:
    """Let at least so many clusters be heard: those that are outvoted everywhere get frames where they come nearest.

    There they take the place of the cluster with the fewest votes, or a free frame; nobody gives away more than half of
    what it had. Clusters with the most votes come first.

    Args:
        spoken: ``[frames, C]`` who speaks when; changed in place.
        votes: ``[frames, C]`` windows that hear each cluster.
        least: clusters that should be heard.
    """
    had = spoken.sum(0)
    length = had.copy()
    for cluster in np.argsort(-votes.sum(0), kind="stable").tolist():
        if (length > 0).sum() >= least:
            return
        if length[cluster]:
            continue
        (frames,) = np.nonzero(votes[:, cluster])
        rivals = np.where(spoken[frames], votes[frames], np.inf)
        weakest = rivals.argmin(1)
        behind = np.where(spoken[frames].any(1), rivals.min(1), 0.0) - votes[frames, cluster]
        nearest = np.inf
        for k in np.argsort(behind, kind="stable").tolist():
            if behind[k] > nearest:
                break
            rival = int(weakest[k])
            if spoken[frames[k], rival]:
                if 2 * (length[rival] - 1) < had[rival] or length[rival] == 1:
                    continue
                spoken[frames[k], rival] = False
                length[rival] -= 1
            spoken[frames[k], cluster] = True
            length[cluster] += 1
            nearest = behind[k]


def turns_from_frames(active: Flags, names: list[str], duration: float) -> list[Turn]:
    """Turns of ``active[frames, C]``; a frame stands for the step around its middle, and the ends for what is beyond."""
    frames = len(active)
    early = (FRAME_LENGTH - FRAME_STEP) / 2 / SAMPLE_RATE
    found = []
    for column, name in zip(active.T, names, strict=True):
        edges = np.flatnonzero(np.diff(column, prepend=False, append=False))
        for first, last in edges.reshape(-1, 2).tolist():
            start = first * FRAME_STEP / SAMPLE_RATE + early if first else 0.0
            end = last * FRAME_STEP / SAMPLE_RATE + early if last < frames else duration
            found.append(Turn(round(start, 6), round(end, 6), name))
    return sorted(found)

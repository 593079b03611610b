"""From the segmentation of windows and the clusters of their speakers to turns: smoothing, counting, aggregation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..data.audio.frames import FRAME_LENGTH, FRAME_STEP
from ..data.corpora.rttm import Turn
from ..quantities import SAMPLE_RATE

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


def smooth_activity(activity: Flags, width: int) -> Flags:
    """Median filter of ``width`` frames (odd) over ``activity[W, T, K]``, mirrored at the ends of a window."""
    half = width // 2
    T = activity.shape[1]
    if not half or half >= T:
        return activity
    mirrored = np.concatenate([activity[:, half - 1 :: -1], activity, activity[:, : -half - 1 : -1]], axis=1)
    total = mirrored.cumsum(1, dtype=np.int32)
    total = np.concatenate([np.zeros_like(total[:, :1]), total], axis=1)
    return total[:, width:] - total[:, :-width] > half


def speaker_counts(activity: Flags, starts: Ints, frames: int) -> Ints:
    """Number of active speakers ``[frames]``: the rounded mean over the windows that contain a frame."""
    total, windows = np.zeros(frames), np.zeros(frames)
    for start, counts in zip(starts, activity.sum(2), strict=True):
        length = min(len(counts), frames - start)
        total[start : start + length] += counts[:length]
        windows[start : start + length] += 1
    return np.rint(total / np.maximum(windows, 1)).astype(np.int64)


def most_active(activity: Flags, speakers: int) -> Flags:
    """``activity[W, T, K]`` of the ``speakers`` local speakers that speak longest; that of the others is set to zero."""
    order = np.argsort(-activity.sum((0, 1)), kind="stable")
    kept = np.zeros(activity.shape[2], np.bool_)
    kept[order[:speakers]] = True
    return activity & kept


def stitch_windows(activity: Flags, starts: Ints, clusters: Ints, counts: Ints, min_clusters: int = 1) -> Flags:
    """Activity ``[frames, C]`` of clusters: in each frame, the ``counts`` clusters that are active in the most windows.

    Args:
        activity: ``[W, T, K]`` activity of the local speakers.
        starts: ``[W]`` first frame of each window.
        clusters: ``[W, K]`` cluster of each local speaker, -1 for none.
        counts: ``[frames]`` number of active speakers.
        min_clusters: minimum number of clusters that get a frame, see `keep_outvoted_clusters`.
    """
    frames, C = len(counts), int(clusters.max(initial=-1)) + 1
    votes = np.zeros((frames, C), np.float32)
    for start, active, who in zip(starts, activity, clusters, strict=True):
        length = min(len(active), frames - start)
        for cluster in np.unique(who[who >= 0]):
            # Local speakers of the same cluster count once.
            votes[start : start + length, cluster] += active[:length, who == cluster].any(1)
    order = np.argsort(-votes, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(C)[None], axis=1)
    spoken = (rank < counts[:, None]) & (votes > 0)
    keep_outvoted_clusters(spoken, votes, min_clusters)
    return spoken


def keep_outvoted_clusters(spoken: Flags, votes: NDArray[np.float32], min_clusters: int) -> None:
    """Give frames to clusters that are outvoted everywhere, until at least ``min_clusters`` clusters have a frame.

    A cluster gets the frames in which it lacks the fewest votes. There it replaces the active cluster with the fewest votes, if
    any cluster is active. No cluster loses more than half of its frames. Clusters with the most votes come first.

    Args:
        spoken: ``[frames, C]`` activity of the clusters; changed in place.
        votes: ``[frames, C]`` number of windows in which each cluster is active.
        min_clusters: minimum number of clusters that should have a frame.
    """
    before = spoken.sum(0)
    length = before.copy()
    for cluster in np.argsort(-votes.sum(0), kind="stable").tolist():
        if (length > 0).sum() >= min_clusters:
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
                if 2 * (length[rival] - 1) < before[rival] or length[rival] == 1:
                    continue
                spoken[frames[k], rival] = False
                length[rival] -= 1
            spoken[frames[k], cluster] = True
            length[cluster] += 1
            nearest = behind[k]


def turns_from_frames(active: Flags, names: list[str], duration: float) -> list[Turn]:
    """Turns of ``active[frames, C]``; a frame represents the 20 ms around its middle, and the first and last frame also
    the audio before and after them."""
    frames = len(active)
    offset = (FRAME_LENGTH - FRAME_STEP) / 2 / SAMPLE_RATE
    found = []
    for column, name in zip(active.T, names, strict=True):
        edges = np.flatnonzero(np.diff(column, prepend=False, append=False))
        for first, last in edges.reshape(-1, 2).tolist():
            start = first * FRAME_STEP / SAMPLE_RATE + offset if first else 0.0
            end = last * FRAME_STEP / SAMPLE_RATE + offset if last < frames else duration
            found.append(Turn(round(start, 6), round(end, 6), name))
    return sorted(found)

"""Agglomerative hierarchical clustering (AHC) of speaker embeddings, stopped at a threshold or a number of speakers.

``N`` embeddings have ``N² / 2`` distances: the 27,000 embeddings of three hours would need 2.9 GB. So at most ``cap`` of
the embeddings are clustered (4,000 need 64 MB, twice that during linkage), and the others join the nearest centroid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .speaker_count import SpeakerCount

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LINKAGES = ("average", "centroid")


@dataclass(frozen=True)
class AHCOptions:
    """Options of `cluster_ahc`.

    Args:
        threshold: distance (0..2) above which clusters count as different speakers.
        linkage: the distance of two clusters: ``average`` for the mean cosine distance of their embeddings, or ``centroid``
            for the Euclidean distance of the means of their unit-length embeddings (arXiv 2505.24111).
        smallest: minimum number of embeddings of a speaker; smaller clusters join the nearest speaker. A tenth of all
            embeddings is always enough, so that short recordings keep their speakers. DiariZen's released models have 13,
            its paper 30.
        cap: maximum number of embeddings that are clustered.

    Raises:
        DataError: a value is out of its range.
    """

    threshold: float = 0.7
    linkage: str = "average"
    smallest: int = 13
    cap: int = 4000

    def __post_init__(self) -> None:
        if self.linkage not in LINKAGES:
            raise DataError(f"clustering: linkage {self.linkage!r}; it can be {' or '.join(LINKAGES)}")
        if not 0 <= self.threshold <= 2 or self.smallest < 1 or self.cap < 2:
            raise DataError(
                f"clustering: threshold {self.threshold} (0..2), smallest {self.smallest} (from 1) or cap {self.cap}"
                " (from 2) is out of range"
            )

    def __call__(self, embeddings: Floats, count: SpeakerCount | None = None) -> Ints:
        return cluster_ahc(embeddings, self, count)


def cluster_ahc(embeddings: Floats, options: AHCOptions | None = None, count: SpeakerCount | None = None) -> Ints:
    """Cluster numbers ``[N]``, from 0 in the order of appearance, of ``embeddings[N, E]``.

    The dendrogram is cut at the threshold. If that gives too few or too many speakers, the nearest cut with an allowed
    number of speakers is taken. If no cut has so many clusters of at least the smallest size, clusters of any size count.
    There are never more clusters than embeddings.

    Args:
        embeddings: ``[N, E]``.
        options: options of the clustering.
        count: the allowed number of speakers.
    """
    options, count = options or AHCOptions(), count or SpeakerCount()
    N = len(embeddings)
    unit = unit_vectors(embeddings)
    chosen = np.arange(N)
    if options.cap < N:
        chosen = np.unique(np.linspace(0, N - 1, options.cap).round().astype(np.int64))
    labels = _clustered(unit[chosen], options, count)
    if len(chosen) < N:
        labels = nearest_centroids(unit, centroids(unit[chosen], labels))
    return relabel_by_appearance(labels)


def centroids(embeddings: Floats, labels: Ints) -> Floats:
    """Mean direction ``[C, E]`` of each cluster ``0 .. C - 1``, of length 1."""
    unit = unit_vectors(embeddings)
    return unit_vectors(np.stack([unit[labels == each].mean(0) for each in range(int(labels.max()) + 1)]))


def nearest_centroids(unit: Floats, centers: Floats) -> Ints:
    """The centroid with the largest cosine, for each of ``unit[N, E]``."""
    return (unit @ centers.T).argmax(1)


def unit_vectors(embeddings: NDArray[np.floating]) -> Floats:
    """The rows scaled to length 1; rows of zeros stay zero."""
    wide = np.asarray(embeddings, np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=-1, keepdims=True), 1e-12)


def relabel_by_appearance(labels: Ints) -> Ints:
    """The same clusters, numbered from 0 in the order of appearance."""
    _, first, place = np.unique(labels, return_index=True, return_inverse=True)
    return first.argsort().argsort()[place]


def dendrogram(unit: Floats, by: str = "average") -> Floats:
    """The dendrogram ``[N - 1, 4]`` of unit vectors ``[N, E]``, in SciPy's format.

    With centroid linkage, a merge may have a smaller distance than the merge before it. It then gets the distance of the
    merge before, so that distances never fall.
    """
    from scipy.cluster.hierarchy import linkage  # slow to import, and not always needed
    from scipy.spatial.distance import pdist

    tree = linkage(pdist(unit, "cosine"), "average") if by == "average" else linkage(unit, "centroid")
    tree[:, 2] = np.maximum.accumulate(tree[:, 2])
    return tree


def cut_dendrogram(tree: Floats, merges: int) -> Ints:
    """Cluster numbers ``[N]`` after the first ``merges`` of a dendrogram."""
    N = len(tree) + 1
    parent = np.arange(N + merges)
    for k, (a, b) in enumerate(tree[:merges, :2].astype(np.int64)):
        parent[a] = parent[b] = N + k
    for node in range(N + merges - 1, -1, -1):  # parents have higher numbers, so their clusters are known
        parent[node] = parent[parent[node]]
    return np.unique(parent[:N], return_inverse=True)[1]


def two_gaussian_threshold(similarities: Floats, rounds: int = 20) -> float:
    """The similarity at which two Gaussians of equal variance, fitted to ``similarities[P]``, are equally likely.

    VBx uses it as the threshold of its initial clustering (Landini et al. 2022): one Gaussian is for pairs of the same speaker,
    the other for pairs of different speakers.
    """
    s = np.asarray(similarities, np.float64).ravel()
    weights, variance, square = np.array([0.5, 0.5]), float(s.var()), float(s @ s / len(s))
    means = s.mean() + s.std() * np.array([-1.0, 1.0])
    for _ in range(rounds):
        # The log-ratio of two Gaussians of equal variance is linear, so the posterior is a logistic function.
        tilt = (means[1] - means[0]) / variance
        from scipy.special import expit

        upper = expit(tilt * (s - means.mean()) + np.log(weights[1] / weights[0]))
        total = np.array([len(s) - upper.sum(), upper.sum()])
        first = np.array([s.sum() - s @ upper, s @ upper])
        weights, means = total / len(s), first / total
        variance = float(square - means**2 @ weights)
    return float((means.sum() / 2) - variance * np.log(weights[1] / weights[0]) / (means[1] - means[0]))


def _clustered(unit: Floats, options: AHCOptions, count: SpeakerCount) -> Ints:
    N = len(unit)
    if count.minimum >= N:  # also for a single embedding, which has no distances
        return np.arange(N) if count.minimum > 1 else np.zeros(N, np.int64)
    tree = dendrogram(unit, options.linkage)
    at_threshold = int(np.searchsorted(tree[:, 2], options.threshold, side="right"))
    for smallest in (max(1, min(options.smallest, round(0.1 * N))), 1):
        speakers = _speakers_after(tree, smallest)
        wanted = count.nearest(int(speakers[at_threshold]))
        places = np.flatnonzero(speakers == wanted)
        if len(places):
            break
    # If all clusters at the threshold are too small, this is the nearest cut with a speaker.
    merges = int(places[np.abs(places - at_threshold).argmin()])
    labels = cut_dendrogram(tree, merges)
    sizes = np.bincount(labels)
    small = np.flatnonzero(sizes < smallest)
    if len(small) and len(small) < len(sizes):
        centers = centroids(unit, labels)
        large = np.flatnonzero(sizes >= smallest)
        to = np.arange(len(sizes))
        to[small] = large[(centers[small] @ centers[large].T).argmax(1)]
        labels = np.unique(to[labels], return_inverse=True)[1]
    return labels


def _speakers_after(tree: Floats, smallest: int) -> Ints:
    """Number of clusters with at least ``smallest`` embeddings after 0, 1, 2, ... merges: ``[N]``."""
    N = len(tree) + 1
    size = np.concatenate([np.ones(N), tree[:, 3]])
    large = size >= smallest
    a, b = tree[:, :2].astype(np.int64).T
    change = large[N:].astype(np.int64) - large[a] - large[b]
    return np.concatenate([[large[:N].sum()], large[:N].sum() + change.cumsum()])

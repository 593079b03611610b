"""Agglomerative clustering of voices, cut at a threshold or at a number.

Distances of ``N`` embeddings take ``N² / 2`` numbers: 27,000 embeddings of three hours would need 2.9 GB. At most
``cap`` of them are clustered (4,000: 64 MB of distances, twice that while linking); the rest goes to the nearest centroid.
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
        threshold: distance (0..2) from which on clusters are different speakers.
        linkage: what the distance of clusters is: ``average``, the mean cosine distance of their embeddings, or ``centroid``,
            the Euclidean distance of their means, embeddings scaled to length 1 (2505.24111).
        smallest: embeddings of a cluster that counts as a speaker; smaller ones join the nearest that does. A tenth of
            all embeddings is enough, so that short recordings keep their speakers.
        cap: most embeddings between which distances are taken.

    Raises:
        DataError: a value out of its range.
    """

    threshold: float = 0.7
    linkage: str = "average"
    smallest: int = 12
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
    """Cluster numbers ``[N]``, 0 up in the order of appearance, of ``embeddings[N, E]``.

    The dendrogram is cut at the threshold. If that leaves too few or too many speakers, it is cut where the wanted number
    appears (fewest merges away); if no cut gives that many of the smallest size, small clusters count.
    There are never more clusters than embeddings, whatever was asked for.
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
    """Unit mean direction ``[C, E]`` of each cluster ``0 .. C - 1``."""
    unit = unit_vectors(embeddings)
    return unit_vectors(np.stack([unit[labels == each].mean(0) for each in range(int(labels.max()) + 1)]))


def nearest_centroids(unit: Floats, centers: Floats) -> Ints:
    """The centroid with the largest cosine, for each of ``unit[N, E]``."""
    return (unit @ centers.T).argmax(1)


def unit_vectors(embeddings: NDArray[np.floating]) -> Floats:
    """Rows of length 1 (a row of zeros stays)."""
    wide = np.asarray(embeddings, np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=-1, keepdims=True), 1e-12)


def relabel_by_appearance(labels: Ints) -> Ints:
    """The same clusters, numbered 0 up as they appear."""
    _, first, place = np.unique(labels, return_index=True, return_inverse=True)
    return first.argsort().argsort()[place]


def dendrogram(unit: Floats, by: str = "average") -> Floats:
    """Of unit vectors ``[N, E]``, as SciPy writes it: ``[N - 1, 4]``.

    A merge may bring centroids nearer to one another than any were before; its distance is then that of the merge before,
    so that a threshold never cuts inside of it.
    """
    from scipy.cluster.hierarchy import linkage  # takes a while, and few files have voices to join
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
    for node in range(N + merges - 1, -1, -1):  # parents have higher numbers, so theirs are known
        parent[node] = parent[parent[node]]
    return np.unique(parent[:N], return_inverse=True)[1]


def two_gaussian_threshold(similarities: Floats, rounds: int = 20) -> float:
    """Where two Gaussians of one variance, fitted to ``similarities[P]``, are equally likely.

    The threshold of a recording that VBx starts from (Landini et al. 2022): one is of one speaker, the other of two.
    """
    s = np.asarray(similarities, np.float64).ravel()
    weights, variance, square = np.array([0.5, 0.5]), float(s.var()), float(s @ s / len(s))
    means = s.mean() + s.std() * np.array([-1.0, 1.0])
    for _ in range(rounds):
        # Softmax of two is a logistic function of what they differ by, which is linear: their variance is one.
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
    if count.least >= N:  # also a single embedding, which has no distances
        return np.arange(N) if count.least > 1 else np.zeros(N, np.int64)
    tree = dendrogram(unit, options.linkage)
    at_threshold = int(np.searchsorted(tree[:, 2], options.threshold, side="right"))
    for smallest in (max(1, min(options.smallest, round(0.1 * N))), 1):
        speakers = _speakers_after(tree, smallest)
        wanted = count.nearest(int(speakers[at_threshold]))
        places = np.flatnonzero(speakers == wanted)
        if len(places):
            break
    # A threshold that leaves crumbs only makes no speaker; then the cut with one is taken.
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
    """Clusters of at least ``smallest`` after 0, 1, 2, ... merges: ``[N]``."""
    N = len(tree) + 1
    size = np.concatenate([np.ones(N), tree[:, 3]])
    large = size >= smallest
    a, b = tree[:, :2].astype(np.int64).T
    change = large[N:].astype(np.int64) - large[a] - large[b]
    return np.concatenate([[large[:N].sum()], large[:N].sum() + change.cumsum()])

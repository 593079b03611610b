"""Constrained assignment: the speakers of a window are different people, so they go to different clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .ahc import unit_vectors


def assign(
    embeddings: NDArray[np.floating], active: NDArray[np.bool_], centers: NDArray[np.floating]
) -> NDArray[np.int64]:
    """The cluster of each local speaker ``[W, K]``; -1 for a local speaker that does not speak.

    In each window, different clusters are assigned so that the sum of cosines is largest. If a window has more speakers than
    there are clusters, the others are assigned to their nearest cluster, so that no speech is lost.

    Args:
        embeddings: ``[W, K, E]`` embedding of each local speaker in each window.
        active: ``[W, K]`` whether a local speaker speaks.
        centers: ``[C, E]`` centroids of the clusters.
    """
    similarity = unit_vectors(embeddings) @ unit_vectors(centers).T  # [W, K, C]
    found = np.full(active.shape, -1, np.int64)
    for window in np.flatnonzero(active.any(1)):
        speakers = np.flatnonzero(active[window])
        cosine = similarity[window, speakers]
        from scipy.optimize import linear_sum_assignment  # slow to import, and not always needed

        rows, columns = linear_sum_assignment(cosine, maximize=True)
        nearest = cosine.argmax(1)
        nearest[rows] = columns
        found[window, speakers] = nearest
    return found

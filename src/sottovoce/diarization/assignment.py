"""Voices of one window are different people, so they go to different clusters (constrained assignment)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .ahc import unit_vectors


def assign(
    embeddings: NDArray[np.floating], active: NDArray[np.bool_], centers: NDArray[np.floating]
) -> NDArray[np.int64]:
    """The cluster of each local speaker: ``[W, K]``, -1 where it says nothing.

    In each window the assignment of different clusters with the largest sum of cosines is taken. Local speakers beyond
    the number of clusters share: each takes its nearest, rather than its speech being lost.

    Args:
        embeddings: ``[W, K, E]`` of the local speakers of each window.
        active: ``[W, K]`` which of them speak.
        centers: ``[C, E]``.
    """
    similarity = unit_vectors(embeddings) @ unit_vectors(centers).T  # W, K, C
    found = np.full(active.shape, -1, np.int64)
    for window in np.flatnonzero(active.any(1)):
        speakers = np.flatnonzero(active[window])
        cosine = similarity[window, speakers]
        from scipy.optimize import linear_sum_assignment  # takes a while, and not all that import this file need it

        rows, columns = linear_sum_assignment(cosine, maximize=True)
        nearest = cosine.argmax(1)
        nearest[rows] = columns
        found[window, speakers] = nearest
    return found

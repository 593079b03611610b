"""Scores of utterances by their segments: minus the mean Euclidean distance between all pairs of their unit embeddings.

    s(a, b) = - 1/n² Σ_ij ‖a_i - b_j‖

As clovaai/voxceleb_trainer (``SpeakerNet.py``) and ESPnet-SPK (``spk_calculate_scores_from_embeddings.py``) score.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .roc import Floats

_BLOCK = 4096
"""Number of trials that are scored in one block."""


def segment_scores(segments: Floats, left: NDArray[np.intp], right: NDArray[np.intp]) -> Floats:
    """Scores ``[N]`` of trials, between -2 and 0.

    Args:
        segments: ``[U, n, D]`` unit embeddings of the ``n`` segments of each utterance.
        left, right: ``[N]`` the two utterances of each trial.
    """
    found = np.empty(len(left))
    for start in range(0, len(left), _BLOCK):
        block = slice(start, start + _BLOCK)
        cosines = segments[left[block]] @ segments[right[block]].transpose(0, 2, 1)
        found[block] = -_distance(cosines).mean((1, 2))
    return found


def cohort_scores(segments: Floats, cohort: Floats) -> Floats:
    """Scores ``[U, K]`` of utterances, given as ``[U, n, D]``, against ``[K, D]`` cohort speakers, all of length 1."""
    found: Floats = -_distance(segments @ cohort.T).mean(1)
    return found


def _distance(cosines: Floats) -> Floats:
    """Euclidean distance of unit vectors with these cosines."""
    found: Floats = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    return found

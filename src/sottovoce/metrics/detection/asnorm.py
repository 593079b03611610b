"""Adaptive score normalization (AS-norm) by the scores of each side against its nearest cohort speakers.

    s' = 1/2 [ (s - mean_e) / std_e + (s - mean_t) / std_t ]

where ``mean`` and ``std`` are those of the ``top`` highest scores of the enrollment ``e``, or the test ``t``, against a cohort
of speakers that are in no trial (Matejka et al., "Analysis of score normalization in multilingual speaker
recognition", Interspeech 2017: the variant AS-norm1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError
from .roc import Floats
from .segment_distance import cohort_scores

_BLOCK = 4096
"""Number of embeddings that are scored against the cohort in one block."""


@dataclass(frozen=True)
class CohortStatistics:
    """Statistics of the scores of each embedding against its nearest cohort speakers.

    Attributes:
        mean: ``[N]`` means of the ``top`` scores.
        std: ``[N]`` standard deviations of the ``top`` scores (divided by ``top``).
    """

    mean: Floats
    std: Floats


def cohort_means(embeddings: ArrayLike, speakers: Sequence[str]) -> Floats:
    """``[K, D]`` mean of the unit embeddings of each of ``K`` speakers, scaled to length 1, in order of name.

    Args:
        embeddings: ``[N, D]`` embeddings of the cohort, centered like those of the trials.
        speakers: ``[N]`` speaker of each embedding.

    Raises:
        DataError: sizes differ, there are no embeddings, or an embedding is zero or not finite.
    """
    unit = _unit(embeddings, "cohort")
    if len(speakers) != len(unit):
        raise DataError(f"as-norm: {len(unit)} embeddings of the cohort, but {len(speakers)} speakers")
    names, codes = np.unique(np.asarray(speakers, str), return_inverse=True)
    sums = np.zeros((len(names), unit.shape[1]))
    np.add.at(sums, codes, unit)
    return _unit(sums, "mean of a cohort speaker")


def cohort_statistics(embeddings: ArrayLike, cohort: ArrayLike, *, top: int = 300) -> CohortStatistics:
    """Mean and standard deviation of the ``top`` highest scores of each embedding against the cohort.

    Args:
        embeddings: ``[N, D]`` embeddings of the trials, scored by the cosine; or ``[N, n, D]``, those of their segments, see
            `sottovoce.metrics.detection.segment_distance`.
        cohort: ``[K, D]`` cohort speakers, see `cohort_means`.
        top: number of cohort speakers that are used for each embedding.

    Raises:
        DataError: dimensions ``D`` differ, ``top`` is below 2 or above ``K``, an embedding is zero or not finite, or all
            ``top`` scores of an embedding are the same.
    """
    values, cohort_unit = np.asarray(embeddings, np.float64), _unit(cohort, "cohort")
    rows = values.reshape(-1, values.shape[-1]) if values.ndim == 3 else values
    unit: Floats = _unit(rows, "trials").reshape(values.shape)
    if unit.shape[-1] != cohort_unit.shape[1]:
        raise DataError(f"as-norm: embeddings are {unit.shape[-1]} wide, those of the cohort {cohort_unit.shape[1]}")
    if not 2 <= top <= len(cohort_unit):
        raise DataError(f"as-norm: top is {top}, but the cohort has {len(cohort_unit)} speakers; give 2 to that many")
    means, stds = np.empty(len(unit)), np.empty(len(unit))
    for start in range(0, len(unit), _BLOCK):
        block = unit[start : start + _BLOCK]
        scores = block @ cohort_unit.T if block.ndim == 2 else cohort_scores(block, cohort_unit)
        nearest = np.partition(scores, len(cohort_unit) - top, axis=1)[:, len(cohort_unit) - top :]
        means[start : start + _BLOCK], stds[start : start + _BLOCK] = nearest.mean(1), nearest.std(1)
    if (stds < 1e-9).any():
        place = int(np.flatnonzero(stds < 1e-9)[0])
        raise DataError(f"as-norm: embedding {place} scores the same against its {top} nearest cohort speakers")
    return CohortStatistics(means, stds)


def as_norm(scores: ArrayLike, left: ArrayLike, right: ArrayLike, statistics: CohortStatistics) -> Floats:
    """Normalized scores ``[N]`` of trials.

    Args:
        scores: ``[N]`` scores.
        left: ``[N]`` row of the enrollment in ``statistics``.
        right: ``[N]`` row of the test utterance in ``statistics``.
        statistics: statistics of all embeddings in the trials.

    Raises:
        DataError: sizes differ, scores are not finite, or a row does not exist.
    """
    scores = np.asarray(scores, np.float64)
    sides = [_rows(side, scores, len(statistics.mean)) for side in (left, right)]
    if scores.ndim != 1 or not np.isfinite(scores).all():
        raise DataError("as-norm: scores must be a list of finite numbers")
    normed = [(scores - statistics.mean[side]) / statistics.std[side] for side in sides]
    found: Floats = (normed[0] + normed[1]) / 2
    return found


def _rows(side: ArrayLike, scores: Floats, count: int) -> NDArray[np.intp]:
    rows = np.asarray(side)
    if rows.shape != scores.shape:
        raise DataError(f"as-norm: {scores.shape} scores, but {rows.shape} rows of embeddings")
    if rows.size and (rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= count):
        raise DataError(f"as-norm: rows must be whole numbers from 0 to {count - 1}")
    return rows.astype(np.intp)


def _unit(embeddings: ArrayLike, what: str) -> Floats:
    values = np.asarray(embeddings, np.float64)
    if values.ndim != 2 or not values.size:
        raise DataError(f"as-norm: {what}: embeddings must be [N, D] and not empty, got the shape {values.shape}")
    lengths = np.linalg.norm(values, axis=1)
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise DataError(f"as-norm: {what}: an embedding is zero, NaN or infinite")
    unit: Floats = values / lengths[:, None]
    return unit

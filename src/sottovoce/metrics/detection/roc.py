"""Operating points of a detector (miss and false-alarm rates at every threshold), and their convex hull."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OperatingPoints:
    """Error rates of "accept when the score is at least the threshold", from accept-all to reject-all.

    Attributes:
        miss: ``[N + 1]`` fraction of targets that are rejected, rising from 0 to 1.
        false_alarm: ``[N + 1]`` fraction of non-targets that are accepted, falling from 1 to 0.
        thresholds: ``[N + 1]`` the ``N`` distinct scores, then infinity (reject all).
    """

    miss: Floats
    false_alarm: Floats
    thresholds: Floats


def operating_points(scores: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None) -> OperatingPoints:
    """All operating points of the scores; equal scores are accepted or rejected together.

    Args:
        scores: ``[N]``, higher means more likely a target.
        targets: ``[N]``, true or 1 for target trials.
        weights: ``[N]`` weight of each trial (for the bootstrap); default 1.

    Raises:
        DataError: shapes differ, a score is NaN or infinite, a label is not 0 or 1, or one of the two classes is absent.
    """
    values, of_targets, of_others = weighted_counts(scores, targets, weights)
    miss = np.concatenate([[0.0], np.cumsum(of_targets)]) / of_targets.sum()
    false_alarm = 1.0 - np.concatenate([[0.0], np.cumsum(of_others)]) / of_others.sum()
    miss[-1], false_alarm[-1] = 1.0, 0.0  # sums of fractions are not always exact
    return OperatingPoints(miss, false_alarm, np.concatenate([values, [np.inf]]))


def convex_hull(scores: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None) -> OperatingPoints:
    """The operating points on the lower convex hull of the ROC, which are those of the best monotone calibration.

    They are found by the pool-adjacent-violators algorithm: the fraction of targets, made monotone in the score, is constant
    on each edge of the hull.

    Raises:
        DataError: as `operating_points`.
    """
    values, of_targets, of_others = weighted_counts(scores, targets, weights)
    from scipy.optimize import isotonic_regression  # slow to import, and not always needed

    pooled = isotonic_regression(of_targets / (of_targets + of_others), weights=of_targets + of_others)
    starts = np.asarray(pooled.blocks)  # first distinct score of each block, and the end
    # Neighboring blocks may have the same value: they lie on one edge, whose inner points do not matter.
    points = operating_points(scores, targets, weights)
    return OperatingPoints(points.miss[starts], points.false_alarm[starts], points.thresholds[starts])


def weighted_counts(scores: ArrayLike, targets: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    """The distinct scores with nonzero weight, rising, and the summed weights of targets and of non-targets at each score.

    Raises:
        DataError: as `operating_points`.
    """
    scores, targets, weights = check_scores(scores, targets, weights)
    used = weights > 0
    values, where = np.unique(scores[used], return_inverse=True)
    of_targets = np.bincount(where, np.where(targets, weights, 0.0)[used], len(values)).astype(np.float64)
    of_others = np.bincount(where, np.where(targets, 0.0, weights)[used], len(values)).astype(np.float64)
    if not of_targets.any() or not of_others.any():
        kind = "non-target" if of_targets.any() else "target"
        raise DataError(f"scores: no {kind} trials among {int(used.sum())}; error rates need both kinds")
    return values, of_targets, of_others


def check_scores(
    scores: ArrayLike, targets: ArrayLike, weights: ArrayLike | None
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """The arguments as arrays with one entry for each trial.

    Raises:
        DataError: shapes differ, a score or weight is not finite, a weight is negative, a label is not 0 or 1.
    """
    scores = np.asarray(scores, dtype=np.float64)
    labels = np.asarray(targets)
    weights = np.ones(len(scores)) if weights is None else np.asarray(weights, dtype=np.float64)
    if scores.ndim != 1 or labels.shape != scores.shape or weights.shape != scores.shape:
        shapes = f"{scores.shape}, {labels.shape}, {weights.shape}"
        raise DataError(f"scores: one score, label and weight a trial, but their shapes are {shapes}")
    if not np.isfinite(scores).all():
        first = int(np.flatnonzero(~np.isfinite(scores))[0])
        count = int((~np.isfinite(scores)).sum())
        raise DataError(f"scores: {count} of {len(scores)} are NaN or infinite (the first is trial {first})")
    if not np.isin(labels, (0, 1)).all():
        raise DataError(
            f"scores: labels must be 0 or 1, got {sorted(set(labels[~np.isin(labels, (0, 1))].tolist()))[:5]}"
        )
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise DataError("scores: weights must be finite and not negative")
    return scores, labels.astype(bool), weights

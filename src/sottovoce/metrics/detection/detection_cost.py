"""Detection cost (NIST SRE): misses and false alarms weighted by their priors and costs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError
from .roc import check_scores, operating_points, weighted_counts


def min_dcf(
    scores: ArrayLike,
    targets: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    p_target: float = 0.01,
    c_miss: float = 1.0,
    c_fa: float = 1.0,
) -> float:
    """Smallest normalized detection cost over all thresholds.

        DCF(t) = [c_miss p_target P_miss(t) + c_fa (1 - p_target) P_fa(t)] / min(c_miss p_target, c_fa (1 - p_target))

    so that 1 is the cost of always accepting or always rejecting, whichever is cheaper.

    Args:
        scores: ``[N]``, higher means more likely a target.
        targets: ``[N]``, true or 1 for target trials.
        weights: ``[N]`` weight of each trial; default 1.
        p_target: prior probability of a target.
        c_miss: cost of rejecting a target.
        c_fa: cost of accepting a non-target.

    Returns:
        A number between 0 and 1.

    Raises:
        DataError: ``p_target`` is not inside (0, 1), a cost is not positive, or the scores are unusable.
    """
    of_miss, of_false_alarm = _costs(p_target, c_miss, c_fa)
    points = operating_points(scores, targets, weights)
    cost = of_miss * points.miss + of_false_alarm * points.false_alarm
    return float(np.min(cost) / min(of_miss, of_false_alarm))


def act_dcf(
    llrs: ArrayLike,
    targets: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    p_target: float = 0.01,
    c_miss: float = 1.0,
    c_fa: float = 1.0,
) -> float:
    """The normalized detection cost at the Bayes threshold for log-likelihood ratios.

    Scores must be calibrated. It is never below `min_dcf`, and exceeds 1 for badly calibrated scores.

    Args:
        llrs: ``[N]`` natural-log likelihood ratios.
        targets, weights, p_target, c_miss, c_fa: as for `min_dcf`.

    Raises:
        DataError: as `min_dcf`.
    """
    of_miss, of_false_alarm = _costs(p_target, c_miss, c_fa)
    weighted_counts(llrs, targets, weights)  # checks that both kinds are present
    llrs, targets, weights = check_scores(llrs, targets, weights)
    accepted = llrs >= np.log(of_false_alarm / of_miss)
    miss = np.average(~accepted[targets], weights=weights[targets])
    false_alarm = np.average(accepted[~targets], weights=weights[~targets])
    return float((of_miss * miss + of_false_alarm * false_alarm) / min(of_miss, of_false_alarm))


def _costs(p_target: float, c_miss: float, c_fa: float) -> tuple[float, float]:
    """The costs of a miss and of a false alarm, weighted by their priors."""
    if not 0 < p_target < 1:
        raise DataError(f"detection cost: p_target must lie between 0 and 1, got {p_target}")
    if c_miss <= 0 or c_fa <= 0:
        raise DataError(f"detection cost: costs must be positive, got c_miss {c_miss} and c_fa {c_fa}")
    return c_miss * p_target, c_fa * (1 - p_target)

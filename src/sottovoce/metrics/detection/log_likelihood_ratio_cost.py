"""The cost of log-likelihood ratios, Cllr (Brümmer and du Preez, 2006), in bits per trial."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .roc import check_scores, weighted_counts


def cllr(llrs: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Cllr in bits: 0 is perfect, 1 is a detector without information, and more than 1 misleads.

        Cllr = 1/2 [ mean over targets log2(1 + e^-llr) + mean over non-targets log2(1 + e^llr) ]

    Args:
        llrs: ``[N]`` natural-log likelihood ratios (calibrated scores, not cosines).
        targets: ``[N]``, true or 1 for target trials.
        weights: ``[N]`` weight of each trial; default 1.

    Raises:
        DataError: a score is not finite, or one of the two kinds of trial is absent.
    """
    weighted_counts(llrs, targets, weights)  # checks that both kinds are present
    llrs, targets, weights = check_scores(llrs, targets, weights)
    bits = np.logaddexp(0.0, np.where(targets, -llrs, llrs)) / np.log(2)
    means = [np.average(bits[kind], weights=weights[kind]) for kind in (targets, ~targets)]
    return float(np.mean(means))


def min_cllr(scores: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Cllr after the best monotone calibration of the scores, so that it measures discrimination alone.

    Arguments and errors are those of `cllr`; the scores need not be calibrated.
    """
    _, of_targets, of_others = weighted_counts(scores, targets, weights)
    odds = of_targets.sum() / of_others.sum()
    from scipy.optimize import isotonic_regression  # slow to import, and not always needed

    posterior = isotonic_regression(of_targets / (of_targets + of_others), weights=of_targets + of_others).x
    with np.errstate(divide="ignore"):  # a score beyond which there are no errors has an infinite ratio and cost 0
        llrs = np.log(posterior) - np.log1p(-posterior) - np.log(odds)
        on_targets = np.where(of_targets > 0, np.logaddexp(0.0, -llrs), 0.0)
        on_others = np.where(of_others > 0, np.logaddexp(0.0, llrs), 0.0)
    means = [np.average(on_targets, weights=of_targets), np.average(on_others, weights=of_others)]
    return float(np.mean(means) / np.log(2))

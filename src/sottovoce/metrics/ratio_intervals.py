"""Confidence intervals for ratios of sums: DER over files, WER over utterances or speakers.

Groups are drawn with replacement and the sums are computed again. The errors in a group (an utterance, a meeting) are not
independent, so a group is drawn as a whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .intervals import Interval


def bootstrap_ratio(
    errors: ArrayLike, totals: ArrayLike, *, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """The bootstrap percentile interval of ``sum(errors) / sum(totals)``, when groups are resampled.

    A draw in which all totals are 0 is repeated.

    Args:
        errors: ``[G]`` errors of each group, in seconds, words or any other unit.
        totals: ``[G]`` total of each group, in the same unit.
        draws: number of bootstrap draws.
        level: coverage of the interval.
        seed: seed of the draws; the same seed gives the same interval.

    Returns:
        The ratio with its interval; `Interval.speakers` is the number of groups ``G``.

    Raises:
        DataError: there are fewer than two groups, all totals are 0, values are negative or not finite, or an argument is out
            of range.
    """
    errors, totals = np.asarray(errors, np.float64), np.asarray(totals, np.float64)
    if draws < 1 or not 0 < level < 1:
        raise DataError(f"bootstrap: draws must be positive and level inside (0, 1), got {draws} and {level}")
    if errors.ndim != 1 or errors.shape != totals.shape:
        raise DataError(
            f"bootstrap: one error and one total a group, but their shapes are {errors.shape}, {totals.shape}"
        )
    if len(errors) < 2:
        raise DataError(f"bootstrap: {len(errors)} groups; an interval needs two or more to draw from")
    if not (np.isfinite(errors).all() and np.isfinite(totals).all()) or (errors < 0).any() or (totals < 0).any():
        raise DataError("bootstrap: errors and totals must be finite and not negative")
    if not totals.any():
        raise DataError("bootstrap: all totals are 0; a rate needs something to count against")
    generator = np.random.default_rng(seed)
    found: list[float] = []
    while len(found) < draws:
        drawn = generator.integers(len(errors), size=len(errors))
        if total := totals[drawn].sum():
            found.append(float(errors[drawn].sum() / total))
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(errors.sum() / totals.sum()), float(low), float(high), level, draws, len(errors))

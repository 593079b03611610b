"""Intervals for trial-based metrics, bootstrapped by speaker.

Trials that share a speaker are not independent, so resampling single trials gives intervals that are far too narrow.
Here the speakers are drawn with replacement, and a trial counts as often as its speakers were drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..encoder.errors import DataError
from .roc import Floats, check_scores

Metric = Callable[..., float]
"""``metric(scores, targets, weights) -> number``, as `eer`, `rocch_eer`, `min_dcf`, `cllr`."""


@dataclass(frozen=True)
class Interval:
    """A measured value and the percentile interval of its bootstrap distribution.

    Attributes:
        value: the metric on the trials as they are.
        low, high: bounds of the interval.
        level: share of the bootstrap distribution between them.
        draws: bootstrap draws behind it.
        speakers: speakers that were resampled.
    """

    value: float
    low: float
    high: float
    level: float
    draws: int
    speakers: int

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"

    def percent(self) -> str:
        """As a percentage, the way error rates are printed: ``7.25 % [6.10, 8.44]``."""
        return f"{100 * self.value:.2f} % [{100 * self.low:.2f}, {100 * self.high:.2f}]"


def bootstrap(
    metric: Metric,
    scores: ArrayLike,
    targets: ArrayLike,
    left: Sequence[str],
    right: Sequence[str],
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The interval of a metric over trials when other speakers might have been recorded.

    Of ``K`` speakers, ``K`` are drawn with replacement; speaker ``s`` comes out ``c[s]`` times. A trial of two speakers
    then counts ``c[a] c[b]`` times, a trial of a speaker with itself ``c[a]`` times (two copies of one speaker never
    meet as strangers). A draw without targets or without non-targets is drawn again.

    Args:
        metric: takes ``(scores, targets, weights)``.
        scores: ``[N]``.
        targets: ``[N]``, true or 1 for target trials.
        left: ``[N]`` speaker of the enrolment side of each trial.
        right: ``[N]`` speaker of the test side.
        draws: number of bootstrap draws.
        level: coverage of the interval.
        seed: of the draws; the same seed gives the same interval.

    Returns:
        The metric with its interval.

    Raises:
        DataError: sizes differ, a target trial joins two speakers or a non-target one, targets come from fewer than
            two speakers (there is nothing to resample), or the arguments are out of range.
    """
    if draws < 1 or not 0 < level < 1:
        raise DataError(f"bootstrap: draws must be positive and level inside (0, 1), got {draws} and {level}")
    scores, targets, _ = check_scores(scores, targets, None)
    if not len(left) == len(right) == len(scores):
        raise DataError(f"bootstrap: {len(scores)} scores, but {len(left)} and {len(right)} speakers")
    names, codes = np.unique(np.concatenate([np.asarray(left, str), np.asarray(right, str)]), return_inverse=True)
    left_code, right_code = np.split(codes, 2)
    same = left_code == right_code
    if (same != targets).any():
        first = int(np.flatnonzero(same != targets)[0])
        kind = "target" if targets[first] else "non-target"
        raise DataError(f"bootstrap: trial {first} is {kind}, but its speakers are {left[first]} and {right[first]}")
    if len(np.unique(left_code[targets])) < 2:
        raise DataError("bootstrap: targets of fewer than two speakers; an interval by speaker needs more speakers")

    order = np.argsort(scores, kind="stable")  # sorting sorted scores again in every draw is cheap
    scores, targets, same = scores[order], targets[order], same[order]
    left_code, right_code = left_code[order], right_code[order]
    generator = np.random.default_rng(seed)

    def draw() -> float:
        while True:
            drawn = np.bincount(generator.integers(len(names), size=len(names)), minlength=len(names)).astype(float)
            weights: Floats = drawn[left_code] * np.where(same, 1.0, drawn[right_code])
            if weights[targets].any() and weights[~targets].any():
                return metric(scores, targets, weights)

    value = metric(scores, targets, None)
    low, high = np.quantile([draw() for _ in range(draws)], [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level, draws, len(names))

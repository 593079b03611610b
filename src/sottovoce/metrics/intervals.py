"""Confidence intervals for metrics over trials, bootstrapped by speaker.

Trials that share a speaker are not independent, so that resampling single trials gives intervals that are far too narrow.
Instead, speakers are drawn with replacement, and a trial counts as often as its speakers were drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError
from .detection.roc import Floats, check_scores

Codes = NDArray[np.intp]

Metric = Callable[..., float]
"""``metric(scores, targets, weights) -> number``, such as `eer`, `rocch_eer`, `min_dcf` or `cllr`."""


@dataclass(frozen=True)
class Interval:
    """A measured value and the percentile interval of its bootstrap distribution.

    Attributes:
        value: the metric on the original trials.
        low, high: bounds of the interval.
        level: fraction of the bootstrap distribution between the bounds.
        draws: number of bootstrap draws.
        speakers: number of speakers that were resampled.
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
        """The interval of an error rate in percent: ``7.25 % [6.10, 8.44]``."""
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
    """The confidence interval of a metric over trials, when speakers are resampled.

    Of ``K`` speakers, ``K`` are drawn with replacement; speaker ``s`` is drawn ``c[s]`` times. A trial of two speakers then
    counts ``c[a] c[b]`` times, and a trial of a speaker with itself ``c[a]`` times (copies of a speaker are not compared as
    different speakers). A draw without targets or without non-targets is repeated.

    Args:
        metric: the metric, as a function of ``(scores, targets, weights)``.
        scores: ``[N]``.
        targets: ``[N]``, true or 1 for target trials.
        left: ``[N]`` speaker of the enrollment of each trial.
        right: ``[N]`` speaker of the test utterance of each trial.
        draws: number of bootstrap draws.
        level: coverage of the interval.
        seed: seed of the draws; the same seed gives the same interval.

    Returns:
        The metric with its interval.

    Raises:
        DataError: sizes differ, a target trial has two different speakers or a non-target trial only one, fewer than two
            speakers have target trials, or an argument is out of range.
    """
    return _interval([scores], lambda one: one[0], metric, targets, left, right, draws, level, seed)


def bootstrap_difference(
    metric: Metric,
    scores: ArrayLike,
    others: ArrayLike,
    targets: ArrayLike,
    left: Sequence[str],
    right: Sequence[str],
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The confidence interval of ``metric(scores) - metric(others)`` for two systems on the same trials.

    Both are measured on the same draws of speakers, so that effects of hard speakers on both systems cancel. If the interval
    excludes 0, the systems differ. Two overlapping intervals of `bootstrap` do not show that systems are equally good.

    Args:
        metric: the metric, as a function of ``(scores, targets, weights)``.
        scores: ``[N]`` scores of one system.
        others: ``[N]`` scores of the other system.
        targets, left, right, draws, level, seed: as `bootstrap`.

    Raises:
        DataError: as `bootstrap`.
    """
    return _interval([scores, others], lambda two: two[0] - two[1], metric, targets, left, right, draws, level, seed)


def bootstrap_groups(
    metric: Metric,
    scores: ArrayLike,
    targets: ArrayLike,
    groups: Sequence[str],
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The confidence interval of a metric over single recordings, when their groups (such as speakers) are resampled.

    A draw without targets or without non-targets is repeated.

    Args:
        metric: the metric, as a function of ``(scores, targets, weights)``.
        scores: ``[N]``.
        targets: ``[N]``, true or 1 for targets (bona fide recordings).
        groups: ``[N]`` group of each recording; the recordings of a group are drawn together.
        draws, level, seed: as `bootstrap`.

    Raises:
        DataError: sizes differ, there are fewer than two groups, or an argument is out of range.
    """
    scores, kinds, _ = check_scores(scores, targets, None)
    _check_draws(draws, level)
    names, codes = np.unique(np.asarray(groups, str), return_inverse=True)
    if len(codes) != len(scores) or len(names) < 2:
        raise DataError(f"bootstrap: {len(scores)} scores of {len(codes)} recordings in {len(names)} groups")
    generator = np.random.default_rng(seed)
    found: list[float] = []
    while len(found) < draws:
        drawn = np.bincount(generator.integers(len(names), size=len(names)), minlength=len(names)).astype(float)
        counts = drawn[codes]
        if counts[kinds].any() and counts[~kinds].any():
            found.append(metric(scores, kinds, counts))
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(metric(scores, kinds, None), float(low), float(high), level, draws, len(names))


def _check_draws(draws: int, level: float) -> None:
    if draws < 1 or not 0 < level < 1:
        raise DataError(f"bootstrap: draws must be positive and level inside (0, 1), got {draws} and {level}")


def _interval(
    systems: Sequence[ArrayLike],
    combine: Callable[[list[float]], float],
    metric: Metric,
    targets: ArrayLike,
    left: Sequence[str],
    right: Sequence[str],
    draws: int,
    level: float,
    seed: int,
) -> Interval:
    _check_draws(draws, level)
    checked = [check_scores(scores, targets, None)[0] for scores in systems]
    same = check_scores(systems[0], targets, None)[1]
    speakers, left_code, right_code = _speakers(same, left, right)

    # Metrics sort the scores in every draw, which is cheap for sorted scores.
    orders = [np.argsort(scores, kind="stable") for scores in checked]
    sorted_systems = [(scores[order], same[order], order) for scores, order in zip(checked, orders, strict=True)]
    generator = np.random.default_rng(seed)

    def weights() -> Iterator[Floats]:
        while True:
            drawn = np.bincount(generator.integers(speakers, size=speakers), minlength=speakers).astype(float)
            counts: Floats = drawn[left_code] * np.where(same, 1.0, drawn[right_code])
            if counts[same].any() and counts[~same].any():
                yield counts

    value = combine([metric(scores, kinds, None) for scores, kinds, _ in sorted_systems])
    found = [
        combine([metric(scores, kinds, counts[order]) for scores, kinds, order in sorted_systems])
        for _, counts in zip(range(draws), weights(), strict=False)
    ]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level, draws, speakers)


def _speakers(targets: NDArray[np.bool_], left: Sequence[str], right: Sequence[str]) -> tuple[int, Codes, Codes]:
    """The number of speakers, and the index of the speaker of each side of each trial."""
    if not len(left) == len(right) == len(targets):
        raise DataError(f"bootstrap: {len(targets)} scores, but {len(left)} and {len(right)} speakers")
    names, codes = np.unique(np.concatenate([np.asarray(left, str), np.asarray(right, str)]), return_inverse=True)
    left_code, right_code = np.split(codes, 2)
    wrong = np.flatnonzero((left_code == right_code) != targets)
    if len(wrong):
        kind = "target" if targets[wrong[0]] else "non-target"
        raise DataError(
            f"bootstrap: trial {wrong[0]} is {kind}, but its speakers are {left[wrong[0]]} and {right[wrong[0]]}"
        )
    if len(np.unique(left_code[targets])) < 2:
        raise DataError("bootstrap: targets of fewer than two speakers; an interval by speaker needs more speakers")
    return len(names), left_code, right_code

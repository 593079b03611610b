"""The anti-spoofing metrics of ASVspoof 5 (track 1), and their breakdown by attack and codec.

A score is higher the more likely the recording is bona fide; "target" in the other metrics is "bona fide" here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError
from .detection_cost import min_dcf
from .roc import OperatingPoints, check_scores, operating_points, weighted_counts

P_SPOOF = 0.05
C_MISS = 1.0
C_FALSE_ALARM = 10.0

THRESHOLD = float(np.log(C_FALSE_ALARM * P_SPOOF / (C_MISS * (1 - P_SPOOF))))
"""Bayes threshold of log-likelihood ratios at these costs: -0.642."""

Metric = Callable[[ArrayLike, ArrayLike], float]


def nearest_point(points: OperatingPoints) -> int:
    """Index of the operating point whose miss and false-alarm rates are closest; the first one if several are."""
    # Rounded, because gaps that are equal as fractions may differ as floating-point numbers.
    return int(np.argmin(np.round(np.abs(points.miss - points.false_alarm), 12)))


def nearest_eer(scores: ArrayLike, bonafide: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Equal error rate of ASVspoof: the mean of miss and false alarm at the operating point where they are closest.

    `eer`, which is usual in speaker verification, interpolates instead; the two rates differ by up to half a step of the ROC.
    Equal scores are accepted or rejected together (the script of the challenge ranks bona fide recordings first).

    Args:
        scores: ``[N]``, higher means more likely bona fide.
        bonafide: ``[N]``, true or 1 for bona fide recordings.
        weights: ``[N]`` weight of each recording; default 1.

    Returns:
        A fraction between 0 and 1.

    Raises:
        DataError: a score is not finite, or one of the two kinds is absent.
    """
    points = operating_points(scores, bonafide, weights)
    place = nearest_point(points)
    return float((points.miss[place] + points.false_alarm[place]) / 2)


def spoof_min_dcf(scores: ArrayLike, bonafide: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Smallest normalized detection cost of ASVspoof 5: pi_spoof 0.05, C_miss 1, C_fa 10, divided by 0.5.

    Arguments and errors are those of `nearest_eer`.
    """
    return min_dcf(scores, bonafide, weights, p_target=1 - P_SPOOF, c_miss=C_MISS, c_fa=C_FALSE_ALARM)


def spoof_act_dcf(llrs: ArrayLike, bonafide: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The same cost at the Bayes threshold of -0.642 for log-likelihood ratios.

    Scores must be calibrated (`fit_calibration` on development data). Arguments and errors are those of
    `nearest_eer`.
    """
    weighted_counts(llrs, bonafide, weights)  # checks that both kinds are present
    llrs, bonafide, weights = check_scores(llrs, bonafide, weights)
    miss = np.average(llrs[bonafide] < THRESHOLD, weights=weights[bonafide])
    false_alarm = np.average(llrs[~bonafide] >= THRESHOLD, weights=weights[~bonafide])
    of_miss, of_false_alarm = C_MISS * (1 - P_SPOOF), C_FALSE_ALARM * P_SPOOF
    return float((of_miss * miss + of_false_alarm * false_alarm) / min(of_miss, of_false_alarm))


@dataclass(frozen=True)
class Breakdown:
    """A metric by attack and codec.

    Attributes:
        pooled: the metric over all recordings.
        attacks: attack -> the metric over all bona fide recordings and the spoofed recordings of the attack.
        codecs: codec -> the metric over the bona fide and spoofed recordings of the codec.
        cells: ``(attack, codec)`` -> the metric over the bona fide recordings of the codec and the spoofed recordings of
            both, if there are any.
    """

    pooled: float
    attacks: dict[str, float] = field(default_factory=dict)
    codecs: dict[str, float] = field(default_factory=dict)
    cells: dict[tuple[str, str], float] = field(default_factory=dict)

    def __str__(self) -> str:
        """A table with a row for each attack and a column for each codec."""
        columns = list(self.codecs)
        wide = max([6, *map(len, self.attacks)])
        widths = [max(8, len(codec) + 1) for codec in columns]
        head = " " * wide + "".join(name.rjust(w) for name, w in zip(columns, widths, strict=True)) + "  pooled"
        lines = [head]
        for attack, value in self.attacks.items():
            cells = (f"{self.cells[attack, c]:.4f}" if (attack, c) in self.cells else "-" for c in columns)
            row = "".join(cell.rjust(w) for cell, w in zip(cells, widths, strict=True))
            lines.append(f"{attack:<{wide}}{row}{value:8.4f}")
        row = "".join(f"{value:.4f}".rjust(w) for value, w in zip(self.codecs.values(), widths, strict=True))
        return "\n".join([*lines, f"{'pooled':<{wide}}{row}{self.pooled:8.4f}"])


def breakdown(
    metric: Metric,
    scores: ArrayLike,
    bonafide: ArrayLike,
    *,
    attacks: Sequence[str] | None = None,
    codecs: Sequence[str] | None = None,
) -> Breakdown:
    """A metric by attack, by codec, and by both.

    Args:
        metric: ``metric(scores, bonafide) -> number``, such as `nearest_eer` or `spoof_min_dcf`.
        scores: ``[N]``, higher means more likely bona fide.
        bonafide: ``[N]``, true or 1 for bona fide recordings.
        attacks: ``[N]`` attack of each recording; those of bona fide recordings are ignored.
        codecs: ``[N]`` codec of each recording.

    Raises:
        DataError: sizes differ, the scores are unusable, or a codec has recordings of only one kind.
    """
    scores, kinds, _ = check_scores(scores, bonafide, None)
    pooled = metric(scores, kinds)
    attack, codec = (_labels(labels, len(scores), what) for labels, what in ((attacks, "attacks"), (codecs, "codecs")))
    everything = np.ones(len(scores), bool)

    def part(spoofed: NDArray[np.bool_], place: NDArray[np.bool_]) -> float:
        chosen = place & (kinds | spoofed)
        return metric(scores[chosen], kinds[chosen])

    by_attack = {name: attack == name for name in sorted(set(attack[~kinds].tolist()))} if attacks is not None else {}
    by_codec = {name: codec == name for name in sorted(set(codec.tolist()))} if codecs is not None else {}
    for name, place in by_codec.items():
        if kinds[place].all() or not kinds[place].any():
            kind = "spoofed" if kinds[place].all() else "bona fide"
            raise DataError(f"breakdown: codec {name} has no {kind} recordings among {int(place.sum())}")
    return Breakdown(
        pooled,
        {name: part(spoofed, everything) for name, spoofed in by_attack.items()},
        {name: part(everything, place) for name, place in by_codec.items()},
        {
            (a, c): part(spoofed, place)
            for a, spoofed in by_attack.items()
            for c, place in by_codec.items()
            if (spoofed & place & ~kinds).any()
        },
    )


def _labels(labels: Sequence[str] | None, count: int, what: str) -> NDArray[np.str_]:
    if labels is not None and len(labels) != count:
        raise DataError(f"breakdown: {count} scores, but {len(labels)} {what}")
    return np.asarray([""] * count if labels is None else labels, str)

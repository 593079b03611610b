"""The equal error rate of a detector, by the two definitions that are common in published results."""

from __future__ import annotations

from numpy.typing import ArrayLike

from .roc import OperatingPoints, convex_hull, operating_points


def eer(scores: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Interpolated equal error rate: where the line between neighboring operating points crosses miss = false alarm.

    Most papers on speaker verification report this rate. `rocch_eer` is never larger.

    Args:
        scores: ``[N]``, higher means more likely a target.
        targets: ``[N]``, true or 1 for target trials.
        weights: ``[N]`` weight of each trial; default 1.

    Returns:
        A fraction between 0 and 1.

    Raises:
        DataError: a score is not finite, or one of the two kinds of trial is absent.

    >>> round(eer([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1]), 3)
    0.5
    """
    return _crossing(operating_points(scores, targets, weights))


def rocch_eer(scores: ArrayLike, targets: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Equal error rate on the convex hull of the ROC (the definition of the Bosaris toolkit).

    It is the error rate of the best possible decisions at the least favorable prior.

    Arguments, result and errors are those of `eer`.

    >>> round(rocch_eer([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1]), 3)
    0.25
    """
    return _crossing(convex_hull(scores, targets, weights))


def _crossing(points: OperatingPoints) -> float:
    gap = points.miss - points.false_alarm  # rises from -1 to 1
    after = int((gap >= 0).argmax())
    before = after - 1
    share = -gap[before] / (gap[after] - gap[before])
    return float(points.miss[before] + share * (points.miss[after] - points.miss[before]))

"""The detection error trade-off: misses against false alarms (Martin et al. 1997)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from .roc import Floats, operating_points


@dataclass(frozen=True)
class DET:
    """A detection error trade-off curve.

    Attributes:
        miss, false_alarm: ``[N]`` error rates, from accept-all to reject-all.
    """

    miss: Floats
    false_alarm: Floats


def det(scores: ArrayLike, targets: ArrayLike, *, max_points: int = 200) -> DET:
    """The DET curve of a detector, reduced to the points that are visible in a plot.

    Args:
        scores: ``[N]``, higher means more likely a target.
        targets: ``[N]``, true or 1 for target trials.
        max_points: maximum number of points that are kept, evenly spaced along the plotted curve.

    Raises:
        DataError: as `operating_points`.
    """
    points = operating_points(scores, targets)
    rates = np.stack([points.miss, points.false_alarm])
    if rates.shape[1] > max_points:
        drawn = probit(rates, 1e-4)
        way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(drawn)).sum(0))])
        kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], max_points)))
        rates = rates[:, kept]
    return DET(rates[0], rates[1])


def probit(rates: ArrayLike, floor: float) -> Floats:
    """Error rates on the normal-deviate scale of a DET plot, on which normally distributed scores give a straight line.

    Args:
        rates: error rates as fractions, of any shape.
        floor: rates are clipped to ``floor`` and ``1 - floor``, as 0 and 1 lie at infinity.
    """
    found: Floats = ndtri(np.clip(np.asarray(rates, np.float64), floor, 1 - floor))
    return found

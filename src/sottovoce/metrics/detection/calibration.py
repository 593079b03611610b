"""Calibration of scores to log-likelihood ratios by logistic regression, fitted on development trials.

    llr = w . (score, measures) + offset

With the score alone this is affine calibration (Bruemmer); with quality measures (log durations, magnitudes of embeddings,
...) it is the quality-aware calibration (QMF) of speaker-verification challenges.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from ...errors import DataError
from ...files import unwritable, write_json
from ...text.text_files import text
from .roc import Floats, check_scores, weighted_counts

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibration:
    """A fitted calibration.

    Attributes:
        slope: weight of the score.
        offset: constant that is added to the weighted sum.
        measures: weight of each quality measure, by name.
        prior: prior probability of a target in the objective of the fit. The ratios are valid for every prior.
    """

    slope: float
    offset: float
    measures: dict[str, float]
    prior: float

    def apply(self, scores: ArrayLike, measures: Mapping[str, ArrayLike] | None = None) -> Floats:
        """Natural-log likelihood ratios ``[N]`` of ``scores[N]``.

        Args:
            scores: ``[N]``, higher means more likely a target (a bona fide recording).
            measures: the quality measures that were used in the fit, ``[N]`` each.

        Raises:
            DataError: scores or measures are not finite, lengths differ, or the measures are not those of the fit.
        """
        columns = _columns(scores, measures, list(self.measures))
        llrs: Floats = columns @ np.array([self.slope, *self.measures.values()]) + self.offset
        return llrs

    def save(self, path: str | Path) -> Path:
        """Write the calibration as JSON.

        Raises:
            DataError: the file cannot be written.
        """
        path = Path(path)
        with unwritable(path):
            write_json(path, asdict(self))
        return path

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """Read a calibration that `save` wrote.

        Raises:
            DataError: the file is missing or is not a calibration.
        """
        written = text(path)
        try:
            found = json.loads(written)
            measures = {str(name): float(weight) for name, weight in found["measures"].items()}
            read = cls(float(found["slope"]), float(found["offset"]), measures, float(found["prior"]))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            # valid JSON of another form
            raise DataError(f"{path}: not a saved calibration ({type(error).__name__}: {error})") from error
        if set(found) != set(asdict(read)) or not np.isfinite([read.slope, read.offset, *measures.values()]).all():
            raise DataError(f"{path}: not a saved calibration; it holds slope, offset, measures and prior, all finite")
        return read


def fit_calibration(
    scores: ArrayLike,
    targets: ArrayLike,
    measures: Mapping[str, ArrayLike] | None = None,
    weights: ArrayLike | None = None,
    *,
    prior: float = 0.5,
    ridge: float = 1e-8,
) -> Calibration:
    """Fit a calibration on development trials.

    Minimizes, with ``L = logit(prior)``, the cross-entropy at that prior, whatever the share of targets in the data:

        prior mean over targets log(1 + e^-(llr + L)) + (1 - prior) mean over non-targets log(1 + e^(llr + L))

    which at prior 0.5 is Cllr (times log 2). The objective is convex. A low prior gives more weight to high thresholds. A
    tiny ridge penalty on the weights of standardized inputs keeps the fit finite if one threshold separates all trials;
    otherwise its effect is negligible.

    Args:
        scores: ``[N]``, higher means more likely a target (a bona fide recording).
        targets: ``[N]``, true or 1 for target trials (bona fide recordings).
        measures: quality measures by name, ``[N]`` each.
        weights: ``[N]`` weight of each trial; default 1.
        prior: prior probability of a target, inside (0, 1).
        ridge: strength of the ridge, not negative.

    Raises:
        DataError: scores or measures are not finite or lengths differ, there is only one kind of trial, all scores are
            the same, or an argument is out of range.
    """
    if not 0 < prior < 1 or ridge < 0:
        raise DataError(f"calibration: prior must lie between 0 and 1, ridge not below 0, got {prior} and {ridge}")
    weighted_counts(scores, targets, weights)  # checks that both kinds are present
    scores, targets, weights = check_scores(scores, targets, weights)
    names = sorted(measures or {})
    columns = _columns(scores, measures, names)
    share = weights / np.where(targets, weights[targets].sum() / prior, weights[~targets].sum() / (1 - prior))
    center = np.average(columns, axis=0, weights=weights)
    spread = np.sqrt(np.average((columns - center) ** 2, axis=0, weights=weights))
    for name, width in zip(["score", *names], spread, strict=True):
        if width <= 1e-12 * max(1.0, float(np.abs(columns).max())):
            raise DataError(f"calibration: the {name} is the same in all trials, so nothing can be fitted to it")
    inputs = np.concatenate([(columns - center) / spread, np.ones((len(scores), 1))], axis=1)
    sign = np.where(targets, 1.0, -1.0)
    strength = np.full(inputs.shape[1], ridge)
    strength[-1] = 0.0  # the offset has no penalty

    def odds(theta: Floats) -> Floats:
        found: Floats = sign * (inputs @ theta + logit(prior))
        return found

    def loss(theta: Floats) -> tuple[float, Floats]:
        margin = odds(theta)
        value = share @ np.logaddexp(0.0, -margin) + 0.5 * strength @ theta**2
        return float(value), inputs.T @ (-share * sign * expit(-margin)) + strength * theta

    def curvature(theta: Floats) -> Floats:
        margin = odds(theta)
        bend = share * expit(margin) * expit(-margin)
        found: Floats = (inputs.T * bend) @ inputs + np.diag(strength)
        return found

    start = np.zeros(inputs.shape[1])
    start[-1] = -logit(prior)
    from scipy.optimize import minimize  # slow to import, and not always needed

    fit = minimize(loss, start, jac=True, hess=curvature, method="trust-exact", options={"gtol": 1e-9, "maxiter": 1000})
    if np.abs(fit.jac).max() > 1e-6:
        raise DataError(f"calibration: the fit did not converge ({fit.message}); are two measures the same?")
    slopes = fit.x[:-1] / spread
    if slopes[0] <= 0:
        _log.warning("calibration: targets score lower than others (slope %.3g); are the scores reversed?", slopes[0])
    offset = float(fit.x[-1] - slopes @ center)
    return Calibration(float(slopes[0]), offset, dict(zip(names, slopes[1:].tolist(), strict=True)), prior)


def _columns(scores: ArrayLike, measures: Mapping[str, ArrayLike] | None, names: list[str]) -> Floats:
    """``[N, 1 + M]`` scores and measures, checked."""
    measures = measures or {}
    if set(measures) != set(names):
        raise DataError(f"calibration: fitted with the measures {names}, got {sorted(measures)}")
    listed = [np.asarray(column, np.float64) for column in (scores, *(measures[name] for name in names))]
    for name, column in zip(["score", *names], listed, strict=True):
        if column.ndim != 1 or column.shape != listed[0].shape:
            raise DataError(f"calibration: {name} has the shape {column.shape}, the scores have {listed[0].shape}")
        if not np.isfinite(column).all():
            raise DataError(f"calibration: {int((~np.isfinite(column)).sum())} values of {name} are NaN or infinite")
    return np.stack(listed, axis=1)

"""Scoring of trials beyond the cosine: a back-end, adaptive s-norm and calibration with quality measures.

    embedding ─▶ less mean ─▶ linear map ─▶ cosine or distance ─▶ AS-norm ─▶ calibration ─▶ log-likelihood ratio
                 └── fitted on training speech ───────────────────────────┘  └ on development trials

Each step is optional. The model holds what was fitted (`CosineScoring`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from ...data.audio.segments import Segments
from ...errors import DataError
from ...heads.options import options_of
from ...metrics.detection.asnorm import CohortStatistics, as_norm, cohort_means, cohort_statistics
from ...metrics.detection.back_ends import lda, wccn
from ...metrics.detection.calibration import Calibration, fit_calibration
from ...metrics.detection.roc import Floats
from ...metrics.detection.segment_distance import segment_scores
from ...models.cosine_scoring import CosineScoring
from ...options import OneOf, Options, one_of
from ...options.bounds import WIDEST
from ...text.plain_data import PlainData, number_in

Indices = NDArray[np.intp]


class WCCNOptions(Options):
    """Within-class covariance normalization, see `wccn`."""

    ridge: float = Field(1.0, ge=0, description="added to the covariance, as a fraction of its mean variance")

    def config(self) -> dict[str, object]:
        return {"linear": True}

    def fit(self, embeddings: Floats, speakers: Sequence[str]) -> Floats:
        return wccn(embeddings, speakers, ridge=self.ridge)


class LDAOptions(Options):
    """Linear discriminant analysis, see `lda`."""

    dimensions: int = Field(100, ge=1, le=WIDEST)
    ridge: float = Field(0.01, ge=0, description="added to the covariance, as a fraction of its mean variance")

    def config(self) -> dict[str, object]:
        return {"linear": True, "dimensions": self.dimensions}

    def fit(self, embeddings: Floats, speakers: Sequence[str]) -> Floats:
        return lda(embeddings, speakers, self.dimensions, ridge=self.ridge)


@one_of({"wccn": WCCNOptions, "lda": LDAOptions})
class BackEnd(OneOf[WCCNOptions | LDAOptions]):
    """The back-end."""


_TOP: Any = options_of(CosineScoring)["top"].default


class ASNormOptions(Options):
    """Adaptive s-norm against the means of the training speakers, see `sottovoce.metrics.detection.asnorm`."""

    top: int = Field(_TOP, ge=2, description="cohort speakers that count for an utterance, the most similar ones")


Measure = Literal["duration", "magnitude", "cohort"]


class CalibrationOptions(Options):
    """Calibration of scores to log-likelihood ratios by logistic regression on ``data.dev``, which is never test data.

    Args:
        measures: Quality measures of the two utterances that the regression uses besides the score (QMF): the logarithm
            of their ``duration``, the logarithm of the ``magnitude`` of their embeddings, and the mean score of their
            nearest ``cohort`` speakers. The lower and the higher value of each are used.
    """

    measures: list[Measure] = []

    @field_validator("measures")
    @classmethod
    def _each_once(cls, measures: list[Measure]) -> list[Measure]:
        if len(set(measures)) != len(measures):
            raise ValueError("a measure is named twice")
        return measures

    def columns(self) -> list[str]:
        return [f"{measure} {end}" for measure in self.measures for end in ("low", "high")]


class SegmentOptions(Options):
    """Scoring by segments: minus the mean Euclidean distance of all pairs of segments of the two utterances, see
    `sottovoce.data.audio.segments`. clovaai/voxceleb_trainer takes 10 of 3.015 s, ESPnet-SPK 5 of 3 s in training and 4 of 8 s
    in ``decode.yaml``."""

    count: int = Field(5, ge=1, le=1_000)
    seconds: float = Field(3.0, ge=0.1, le=3_600)


class Scoring(Options):
    """How trials are scored.

    Args:
        center: whether the mean embedding of training speech is subtracted.
        segments: scoring by segments; ``None`` for the cosine of whole utterances.
        back_end: linear map before the cosine; ``None`` for none.
        as_norm: adaptive s-norm against training speakers; ``None`` for none.
        calibration: calibration on development trials; ``None`` for none.
        utterances: maximum number of utterances of each speaker from which back-end and cohort are fitted.
    """

    center: bool = True
    segments: SegmentOptions | None = None
    back_end: BackEnd | None = None
    as_norm: ASNormOptions | None = None
    calibration: CalibrationOptions | None = None
    utterances: int = Field(20, ge=2)

    @model_validator(mode="after")
    def _cohort_for_its_measure(self) -> Scoring:
        if self.calibration is not None and "cohort" in self.calibration.measures and self.as_norm is None:
            raise ValueError("the measure cohort needs as_norm")
        return self

    @property
    def needs_speakers(self) -> bool:
        """Whether training speech must be embedded speaker by speaker."""
        return self.back_end is not None or self.as_norm is not None

    def config(self, speakers: int) -> dict[str, object]:
        """Options of `CosineScoring` for this number of training speakers.

        Raises:
            DataError: fewer training speakers than AS-norm needs.
        """
        found: dict[str, object] = {}
        if self.back_end is not None:
            found |= self.back_end.options.config()
        if self.as_norm is not None:
            if self.as_norm.top > speakers:
                raise DataError(
                    f"verification: scoring.as_norm.top is {self.as_norm.top}, but there are {speakers} training"
                    " speakers; give a lower top"
                )
            found |= {"cohort": speakers, "top": self.as_norm.top}
        if self.calibration is not None:
            found["measures"] = self.calibration.columns()
        if self.segments is not None:
            found |= {"segments": self.segments.count, "segment_seconds": self.segments.seconds}
        return found

    def fit(self, scoring: CosineScoring, embeddings: Tensor, speakers: Sequence[str]) -> None:
        """Fit back-end and cohort on ``embeddings[N, E]`` of training speech, on the CPU. The mean must be fitted before.

        Raises:
            DataError: the model was made without a back-end, or it cannot be fitted on these embeddings.
        """
        if self.back_end is not None:
            if scoring.map is None:
                raise DataError("verification: the model has no back-end to fit; give it one in its config's scoring")
            centered = _exact(scoring).less_mean(embeddings.double()).numpy()
            scoring.map.copy_(torch.from_numpy(self.back_end.options.fit(centered, speakers)))
        if scoring.cohort is not None:
            centered = _exact(scoring).centered(embeddings.double()).numpy()
            scoring.cohort.copy_(torch.from_numpy(cohort_means(centered, speakers)))


@dataclass(frozen=True)
class TrialScores:
    """Scores and quality measures of trials.

    Attributes:
        scores: uncalibrated scores ``[N]``.
        measures: quality measures ``[N]``, by their name in the calibration.
    """

    scores: Floats
    measures: dict[str, Floats]


def score(
    scoring: CosineScoring,
    embeddings: Tensor,
    seconds: Sequence[float],
    left: Indices,
    right: Indices,
    *,
    names: Sequence[str] = (),
) -> TrialScores:
    """Scores of trials between utterances.

    Args:
        scoring: the scoring of the model.
        embeddings: embeddings ``[U, E]`` of the utterances on the CPU; or ``[U, n, E]``, those of their segments, which are
            scored by their distance.
        seconds: durations ``[U]`` of the utterances.
        left, right: indices ``[N]`` of the utterances on both sides of each trial.
        names: names ``[U]`` of the utterances, for messages.

    Raises:
        DataError: an embedding cannot be compared (it is zero, or all its scores against the cohort are the same).
    """
    unit = _exact(scoring).centered(embeddings.double()).numpy()
    lengths = np.linalg.norm(unit, axis=-1).reshape(len(unit), -1).min(1)
    if (nothing := np.flatnonzero(lengths < 0.5)).size:  # all others have length 1
        name = names[nothing[0]] if names else f"utterance {nothing[0]}"
        raise DataError(
            f"{name}: nothing is left of its embedding under the mean and the linear map of the model, so it compares with"
            " nothing; train the model again, or copy it again from its source"
        )
    scores = segment_scores(unit, left, right) if unit.ndim == 3 else (unit[left] * unit[right]).sum(-1)
    against: CohortStatistics | None = None
    if scoring.cohort is not None:
        against = cohort_statistics(unit, scoring.cohort.cpu().numpy(), top=scoring.top)
        scores = as_norm(scores, left, right, against)
    whole = embeddings.mean(1) if embeddings.dim() == 3 else embeddings
    return TrialScores(scores, _measures(scoring.measures or [], whole, seconds, against, left, right))


def _exact(scoring: CosineScoring) -> CosineScoring:
    """A float64 copy on the CPU, because differences of scores against a cohort are small."""
    return deepcopy(scoring).cpu().double()


def _measures(
    names: Sequence[str],
    embeddings: Tensor,
    seconds: Sequence[float],
    against: CohortStatistics | None,
    left: Indices,
    right: Indices,
) -> dict[str, Floats]:
    of_utterance = {
        "duration": np.log(np.asarray(seconds, np.float64)),
        "magnitude": embeddings.double().norm(dim=-1).log().numpy(),
    }
    if against is not None:
        of_utterance["cohort"] = against.mean
    found = {}
    for name in names:
        measure, end = name.split()
        sides = of_utterance[measure][left], of_utterance[measure][right]
        found[name] = np.minimum(*sides) if end == "low" else np.maximum(*sides)
    return found


def calibration_of(scoring: CosineScoring) -> Calibration | None:
    """The model's calibration; ``None`` if it has none."""
    if scoring.calibration is None or not scoring.is_calibrated:
        return None
    slope, *weights, offset = scoring.calibration.double().tolist()
    return Calibration(slope, offset, dict(zip(scoring.measures or [], weights, strict=True)), 0.5)


def calibrated_scores(scoring: CosineScoring, scored: TrialScores) -> Floats:
    """Log-likelihood ratios of trials, or their scores if the model is not calibrated."""
    calibration = calibration_of(scoring)
    return scored.scores if calibration is None else calibration.apply(scored.scores, scored.measures)


def fit_trial_calibration(scored: TrialScores, targets: NDArray[np.bool_], names: Sequence[str]) -> Calibration:
    """A calibration on these trials, with weights in the order of ``names``.

    Raises:
        DataError: see `fit_calibration`.
    """
    found = fit_calibration(scored.scores, targets, scored.measures)
    return Calibration(found.slope, found.offset, {name: found.measures[name] for name in names}, found.prior)


def set_calibration(scoring: CosineScoring, numbers: PlainData) -> None:
    """Set the calibration of a model from the results of an evaluation, as plain data.

    Raises:
        DataError: the model was made without a calibration.
    """
    if scoring.calibration is None:
        raise DataError("verification: the model has no calibration to set; name its measures in its config's scoring")
    weights = [number_in(numbers, "measures", name) for name in scoring.measures or []]
    scoring.calibration.copy_(torch.tensor([number_in(numbers, "slope"), *weights, number_in(numbers, "offset")]))
    scoring.calibrated.fill_(True)


def reset_calibration(scoring: CosineScoring) -> None:
    """Remove calibration and threshold, which are invalid after the weights of the model have changed."""
    scoring.threshold.fill_(float("nan"))
    if scoring.calibration is not None:
        scoring.calibrated.fill_(False)


def segments_of(scoring: CosineScoring) -> Segments | None:
    """The segments that a model scores by; ``None`` if it scores whole utterances."""
    return Segments(scoring.segments, scoring.segment_seconds) if scoring.segments else None


@contextmanager
def scored_by(scoring: CosineScoring, segments: Segments | None) -> Iterator[None]:
    """Score by these segments in the block, or by whole utterances if they are 0; ``None`` changes nothing.

    Calibration and threshold of the model count for its own way of scoring, so with another there are none.
    """
    own = segments_of(scoring) or Segments(0, scoring.segment_seconds)
    if segments is None or segments == own or segments.count == own.count == 0:
        yield
        return
    threshold, calibration = scoring.threshold.clone(), scoring.calibration
    scoring.segments, scoring.segment_seconds, scoring.calibration = segments.count, segments.seconds, None
    scoring.threshold.fill_(float("nan"))
    try:
        yield
    finally:
        scoring.segments, scoring.segment_seconds, scoring.calibration = own.count, own.seconds, calibration
        scoring.threshold.copy_(threshold)


def describe_scoring(scoring: CosineScoring) -> str:
    """How scores are computed, in words."""
    compared = "cosine"
    if scoring.segments:
        compared = f"mean distance of {scoring.segments} segments of {scoring.segment_seconds:g} s"
    parts = [f"{compared} less mean" if scoring.mean.any() else compared]
    if scoring.map is not None:
        parts.append(f"linear back-end to {scoring.map.shape[1]} dimensions")
    if scoring.cohort is not None:
        parts.append(f"AS-norm (top {scoring.top} of {len(scoring.cohort)})")
    if scoring.calibration is not None:
        with_measures = f" with {', '.join(scoring.measures)}" if scoring.measures else ""
        parts.append(f"calibrated{with_measures}" if scoring.calibrated else "not calibrated yet")
    return ", ".join(parts)

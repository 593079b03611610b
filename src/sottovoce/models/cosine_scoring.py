"""How two speaker embeddings are compared. What is fitted for it is saved with the model."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import CheckpointError
from ..heads.options import MOST, Between

Measure = Literal["duration low", "duration high", "magnitude low", "magnitude high", "cohort low", "cohort high"]
"""A quality measure that a calibration uses beside the score: the lower or the higher value of the two utterances."""


class CosineScoring(nn.Module):
    """Cosine similarity of centered embeddings, after a linear map if there is one; or the distance of their segments.

    It also holds the cohort of score normalization, the calibration and the threshold, so that scores mean the same wherever
    the model is used. `sottovoce.tasks.scoring.speaker_scoring` fits and applies them.

    Args:
        size: width ``E`` of the embeddings.
        linear: apply a linear map after centering.
        dimensions: output width of the linear map; ``None`` for that of the embeddings.
        cohort: number of speakers against whom scores are normalized; 0 for no normalization.
        top: number of the most similar cohort speakers that count for an embedding.
        measures: quality measures of the calibration; ``None`` for a model without calibration.
        segments: number of segments of each utterance, whose mean distance is the score; 0 for the cosine of whole
            utterances.
        segment_seconds: length of a segment.

    Attributes:
        mean: ``[E]`` mean embedding of training speech; 0 before it is fitted.
        map: ``[E, dimensions]``, applied to centered unit vectors.
        cohort: ``[cohort, dimensions or E]`` unit vectors, one for each speaker.
        calibration: ``[2 + measures]``: the weight of the score, the weights of the measures, and the offset.
        calibrated: whether the calibration has been fitted.
        threshold: two utterances count as one speaker from this score on, the equal-error point on development trials; NaN
            while it is unknown.

    Raises:
        CheckpointError: ``top`` is more than the cohort has, or a measure needs a cohort and there is none.
    """

    may_be_unknown = ("threshold",)
    """Buffers in which NaN means that the value is not known yet."""

    mean: Tensor
    map: Tensor | None
    cohort: Tensor | None
    calibration: Tensor | None
    calibrated: Tensor
    threshold: Tensor

    def __init__(
        self,
        size: int,
        *,
        linear: bool = False,
        dimensions: int | None = None,
        cohort: int = 0,
        top: Annotated[int, Between(2, MOST)] = 300,
        measures: list[Measure] | None = None,
        segments: Annotated[int, Between(0, 1_000)] = 0,
        segment_seconds: Annotated[float, Between(0.1, 3_600)] = 3.0,
    ):
        super().__init__()
        if cohort and top > cohort:
            raise CheckpointError(
                f"config: scoring cosine: top is {top} and the cohort has {cohort} speakers; take at most {cohort}"
            )
        if not cohort and any(measure.startswith("cohort") for measure in measures or ()):
            raise CheckpointError(
                "config: scoring cosine: measures name the cohort, and there is none; leave them out, or give it one"
            )
        self.top, self.measures = top, measures
        self.segments, self.segment_seconds = segments, segment_seconds
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("map", torch.zeros(size, dimensions or size) if linear else None)
        self.register_buffer("cohort", torch.zeros(cohort, dimensions or size) if cohort else None)
        self.register_buffer("calibration", torch.zeros(2 + len(measures)) if measures is not None else None)
        if measures is not None:
            self.register_buffer("calibrated", torch.tensor(False))
        self.register_buffer("threshold", torch.tensor(float("nan")))

    @property
    def is_calibrated(self) -> bool:
        """Whether scores are turned into log-likelihood ratios."""
        return self.calibration is not None and bool(self.calibrated)

    @torch.no_grad()
    def fit_mean(self, embeddings: Tensor) -> None:
        """Set ``mean`` to the mean of ``embeddings[N, E]`` of training speech."""
        self.mean.copy_(F.normalize(embeddings, dim=-1).mean(0))

    def less_mean(self, embeddings: Tensor) -> Tensor:
        """Centered unit vectors ``[N, E]`` of ``embeddings[N, E]``: what the linear map is fitted on."""
        return F.normalize(F.normalize(embeddings, dim=-1) - self.mean, dim=-1)

    def centered(self, embeddings: Tensor) -> Tensor:
        """Unit vectors ``[N, dimensions or E]`` of ``embeddings[N, E]``, whose dot products are cosine scores."""
        centered = self.less_mean(embeddings)
        return centered if self.map is None else F.normalize(centered @ self.map, dim=-1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Cosine scores ``[N]`` of pairs of embeddings ``a[N, E]`` and ``b[N, E]`` of whole utterances."""
        return (self.centered(a) * self.centered(b)).sum(-1)

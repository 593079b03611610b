"""How two embeddings are compared, and everything that takes: fitted once, it travels with the model."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import CheckpointError
from ..heads.options import MOST, Between

Measure = Literal["duration low", "duration high", "magnitude low", "magnitude high", "cohort low", "cohort high"]
"""What a calibration hears of two utterances besides their score, of each the lower and the higher."""


class CosineScoring(nn.Module):
    """Cosine similarity of embeddings less a mean, under a linear map where there is one.

    What else makes a score comparable lies here too, so that scores mean the same everywhere; it is used by
    `sottovoce.tasks.speaker_scores`.

    Args:
        size: width of the embeddings.
        linear: put a linear map behind the mean.
        dimensions: of what it makes of the embeddings; ``None`` for as many as they have.
        cohort: speakers against whom scores are normalized; 0 for none.
        top: how many of them count for an embedding, the most similar ones.
        measures: quality measures of the calibration; ``None`` where scores are not calibrated.

    Attributes:
        mean: ``[size]`` mean embedding of training speech (0 before it is fitted).
        map: ``[size, dimensions]``, of the centered unit vector.
        cohort: ``[cohort, dimensions or size]`` unit vectors, one a speaker.
        calibration: ``[2 + measures]``: weights of the score and of each measure, and what is added.
        calibrated: whether there is any calibration yet.
        threshold: scores from here on up mean "same speaker" (the equal-error point on development trials); NaN while
            unknown.

    Raises:
        CheckpointError: more of the cohort than there are, or measures of a cohort that is not there.
    """

    may_be_unknown = ("threshold",)
    """Buffers in which NaN means "not known yet"."""

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
    ):
        super().__init__()
        if cohort and top > cohort:
            raise CheckpointError(
                f"config: scoring cosine: top is {top} of a cohort of {cohort} speakers; at most all count"
            )
        if not cohort and any(measure.startswith("cohort") for measure in measures or ()):
            raise CheckpointError("config: scoring cosine: it measures the cohort, and there is none")
        self.top, self.measures = top, measures
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("map", torch.zeros(size, dimensions or size) if linear else None)
        self.register_buffer("cohort", torch.zeros(cohort, dimensions or size) if cohort else None)
        self.register_buffer("calibration", torch.zeros(2 + len(measures)) if measures is not None else None)
        if measures is not None:
            self.register_buffer("calibrated", torch.tensor(False))
        self.register_buffer("threshold", torch.tensor(float("nan")))

    @torch.no_grad()
    def fit_mean(self, embeddings: Tensor) -> None:
        """Take the mean of ``embeddings[N, E]`` of training speech."""
        self.mean.copy_(F.normalize(embeddings, dim=-1).mean(0))

    def less_mean(self, embeddings: Tensor) -> Tensor:
        """Unit vectors ``[N, E]`` around the mean: what the linear map is fitted on."""
        return F.normalize(F.normalize(embeddings, dim=-1) - self.mean, dim=-1)

    def centered(self, embeddings: Tensor) -> Tensor:
        """Unit vectors whose products are cosine scores."""
        centered = self.less_mean(embeddings)
        return centered if self.map is None else F.normalize(centered @ self.map, dim=-1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Cosine scores ``[N]`` of pairs of embeddings ``a[N, E]`` and ``b[N, E]``."""
        return (self.centered(a) * self.centered(b)).sum(-1)

"""The clustering threshold of diarization, chosen on development data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.corpora.cuts import read_cuts
from ..diarization.models import SegmentationModel, embedding_model
from ..diarization.pipeline import DiarizationSettings
from ..metrics.diarization import DiarizationScore
from ..tasks.scoring.diarization_scores import best_threshold, threshold_scores
from .arguments import Model, task_model

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(4, 27))
"""Distances from 0.2 to 1.3."""


@dataclass(frozen=True)
class Tuning:
    """Error rates at different thresholds.

    Args:
        threshold: the one with the lowest diarization error rate.
        scores: the error rates of whole recordings at each threshold.
    """

    threshold: float
    scores: Mapping[float, DiarizationScore]


def tune(
    model: Model,
    data: str | Path,
    embedding: Model,
    *,
    settings: DiarizationSettings | None = None,
    thresholds: Sequence[float] = THRESHOLDS,
) -> Tuning:
    """Find the clustering threshold with the lowest diarization error rate.

    Args:
        model: a diarization model, or the place of one.
        data: manifest of Lhotse cuts (``.jsonl.gz``): recordings with turns, never those of a test.
        embedding: the speaker model whose embeddings are clustered, or the place of one.
        settings: of the pipeline; the threshold in it is not used.
        thresholds: the thresholds to try.

    Raises:
        AudioError: a recording cannot be read.
        CheckpointError: a model cannot be loaded, or is for another task.
        DataError: the manifest cannot be read, or the PLDA in ``settings`` is of another speaker model.
        InferenceError: an output of a model is NaN or infinite.
    """
    settings = settings or DiarizationSettings()
    local = SegmentationModel(task_model(model, "diarization"))
    embedder = embedding_model(task_model(embedding, "verification"))
    if settings.plda is not None:
        settings.plda.check(embedder.size)
    scores = threshold_scores(local, embedder, list(read_cuts(data)), settings, list(thresholds))
    return Tuning(best_threshold(scores), scores)

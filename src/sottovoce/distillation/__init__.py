"""Distillation: what a student imitates of its teacher, and losses for the distance between the two.

`FeatureDistillation`   of hidden states: L1 distance and cosine of chosen layers
`LogitsDistillation`    of the outputs of a task's head, by the `DistillationLoss` of the task
`ClassDistillationLoss`, `FrameDistillationLoss`, `EmbeddingDistillationLoss`, `ScoreDistillationLoss`
                        losses of this kind for classes, classes of frames, embeddings and scores
"""

from .features import FeatureDistillation
from .logits import (
    ClassDistillationLoss,
    DistillationLoss,
    EmbeddingDistillationLoss,
    FrameDistillationLoss,
    LogitsDistillation,
    ScoreDistillationLoss,
)

__all__ = [
    "ClassDistillationLoss",
    "DistillationLoss",
    "EmbeddingDistillationLoss",
    "FeatureDistillation",
    "FrameDistillationLoss",
    "LogitsDistillation",
    "ScoreDistillationLoss",
]

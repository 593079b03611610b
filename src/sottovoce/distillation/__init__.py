"""What a student imitates of its teacher, and how far it is from it.

`FeatureDistillation`   hidden states: L1 distance and cosine of chosen layers
`LogitsDistillation`    outputs of a task's head, by the `DistillationLoss` of the task
`ClassDistillationLoss`, `FrameDistillationLoss`, `EmbeddingDistillationLoss`, `ScoreDistillationLoss`
                        such losses for classes, classes of frames, embeddings and scores
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

"""Task models as the pipeline uses them."""

from __future__ import annotations

import torch
from torch import Tensor

from ..encoder.errors import CheckpointError
from ..heads.mhfa import MHFA
from ..heads.powerset_head import PowersetHead
from ..heads.task_model import TaskModel
from .powerset import Powerset


class LocalScores:
    """A diarization model as the pipeline's local model.

    Raises:
        CheckpointError: it has another head.
    """

    def __init__(self, model: TaskModel):
        if not isinstance(model.head, PowersetHead):
            raise CheckpointError(
                f"this is a model for {model.config.task or 'something else'} and no diarization model; fine-tune one with"
                " a diarization recipe"
            )
        self.model = model
        self.powerset = Powerset(model.head.speakers, model.head.at_once)

    def __call__(self, waves: Tensor) -> Tensor:
        """``[B, T, classes]`` of ``[B, S]``."""
        return self.model(waves.to(self.model.device)).output.float().cpu()


class SpeakerFrames:
    """A verification model in two halves: encode once, pool under any mask. Embeddings are centred, of length 1.

    Raises:
        CheckpointError: it does not compare speakers, or does not pool by MHFA.
    """

    def __init__(self, model: TaskModel):
        if model.config.scoring != "cosine" or not isinstance(model.head, MHFA):
            raise CheckpointError(
                f"this is a model for {model.config.task or 'something else'} and no speaker model; fine-tune one with a"
                " verification recipe"
            )
        self.model = model

    def frames(self, waves: Tensor) -> Tensor:
        """``[B, T, heads + width]``: how much each frame counts for each head, and its values."""
        encoded = self.model.encoder(waves.to(self.model.device))
        return torch.cat(self.model.head.frames(encoded.hidden_states), dim=-1)

    def pool(self, frames: Tensor, masks: Tensor) -> Tensor:
        """``[K, E]`` of ``frames[T, F]`` under ``masks[K, T]``."""
        head, device = self.model.head, self.model.device
        scores, values = frames.to(device).to(self.model.dtype).split([head.heads, head.width], dim=-1)
        K = len(masks)
        pooled = head.pool(scores.expand(K, -1, -1), values.expand(K, -1, -1), masks.to(device))
        return self.model.scoring.centred(pooled)

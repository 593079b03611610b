"""Embeddings of many utterances: batched by length, each what it would be alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..data.batches import BatchLoader, EvaluationBatches
from ..heads.task_model import TaskModel

if TYPE_CHECKING:
    from lhotse.cut import Cut


@torch.no_grad()
def embed(model: TaskModel, cuts: Sequence[Cut]) -> dict[str, Tensor]:
    """The model's output for each cut, by the id of the cut.

    Padding is exact, so how utterances are batched changes nothing but the time it takes.

    Args:
        model: it is put into evaluation mode for the time being.
        cuts: utterances; they are loaded batch by batch.

    Returns:
        id -> ``[E]`` on the CPU in float32, in the order of ``cuts``.
    """
    was_training = model.training
    model.eval()
    found: dict[str, Tensor] = {}
    for batch in BatchLoader(EvaluationBatches(cuts, max_seconds=60.0)):
        output = model(batch["waveform"].to(model.device), batch["lengths"].to(model.device)).output
        found |= dict(zip(batch["ids"], output.float().cpu(), strict=True))
    model.train(was_training)
    return {cut.id: found[cut.id] for cut in cuts}

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
def embed_all(model: TaskModel, cuts: Sequence[Cut]) -> Tensor:
    """The model's output for each cut, ``[N, E]`` on the CPU in float32, in the order of ``cuts``.

    Padding is exact, so how utterances are batched changes nothing but the time it takes.

    Args:
        model: it is put into evaluation mode for the time being.
        cuts: utterances; they are loaded batch by batch.
    """
    was_training = model.training
    model.eval()
    batches = EvaluationBatches(cuts, max_seconds=60.0)
    found: dict[int, Tensor] = {}
    for chosen, batch in zip(batches.batches, BatchLoader(batches), strict=True):
        output = model(batch["waveform"].to(model.device), batch["lengths"].to(model.device)).output
        found |= dict(zip(map(id, chosen), output.float().cpu(), strict=True))
    model.train(was_training)
    return torch.stack([found[id(cut)] for cut in cuts])


def embed(model: TaskModel, cuts: Sequence[Cut]) -> dict[str, Tensor]:
    """`embed_all`, by the id of the cut."""
    return dict(zip([cut.id for cut in cuts], embed_all(model, cuts), strict=True))

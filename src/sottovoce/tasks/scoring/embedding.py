"""Embeddings, and outputs of any other kind, of many utterances, batched by length."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...data.audio.long_audio import LONGEST
from ...data.audio.segments import Segments
from ...data.batches.batches import BatchLoader, EvaluationBatches
from ...data.corpora.cuts import load_cut
from ...encoder.checks.finite_outputs import finite_output
from ...encoder.evaluation_mode import evaluating
from ...models.task_network import TaskNetwork

if TYPE_CHECKING:
    from lhotse.cut import Cut


def embed_all(model: TaskNetwork, cuts: Sequence[Cut]) -> Tensor:
    """The embedding (`TaskNetwork.embed`) of each cut, ``[N, E]``; see `outputs_of_all`."""
    return _computed(model, cuts, model.embed)


def outputs_of_all(model: TaskNetwork, cuts: Sequence[Cut]) -> Tensor:
    """The model's output for each cut, ``[N, E]`` on the CPU in float32, in the order of ``cuts``.

    Padding does not affect outputs, so batching changes only the running time. An utterance of more than a minute is cut
    into equal parts, and its output is the mean of theirs (`sottovoce.data.audio.long_audio.speech_parts`); a model for
    utterances of one length takes the first part alone.

    Args:
        model: the model; it is in evaluation mode during the call.
        cuts: the utterances; they are loaded batch by batch.

    Raises:
        AudioError: an utterance cannot be read.
        InferenceError: an output of the model is NaN or infinite.
    """
    return _computed(model, cuts, lambda waveform, lengths: model(waveform, lengths).output)


@torch.no_grad()
def _computed(model: TaskNetwork, cuts: Sequence[Cut], compute: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    with evaluating(model):
        only_start = model.config.encoder.fixed_samples is not None
        whole = {id(cut): _parts(cut)[: 1 if only_start else None] for cut in cuts}
        batches = EvaluationBatches([part for parts in whole.values() for part in parts], max_seconds=LONGEST)
        found: dict[int, Tensor] = {}
        for chosen, batch in zip(batches.batches, BatchLoader(batches), strict=True):
            output = compute(batch["waveform"].to(model.device), batch["lengths"].to(model.device))
            finite_output(output, model, batch["ids"])
            found |= dict(zip(map(id, chosen), output.float().cpu(), strict=True))
    return torch.stack([torch.stack([found[id(part)] for part in whole[id(cut)]]).mean(0) for cut in cuts])


@torch.no_grad()
def embed_segments(model: TaskNetwork, cuts: Sequence[Cut], segments: Segments) -> Tensor:
    """The embedding of each segment of each cut, ``[N, n, E]`` on the CPU in float32, in the order of ``cuts``.

    Args:
        model: the model; it is in evaluation mode during the call.
        cuts: the utterances.
        segments: how they are cut.

    Raises:
        AudioError: an utterance cannot be read.
        InferenceError: an output of the model is NaN or infinite.
    """
    found = []
    with evaluating(model):
        for cut in cuts:
            output = model.embed(segments.of(load_cut(cut)).to(model.device))
            found.append(finite_output(output, model, [cut.id] * len(output)).float().cpu())
    return torch.stack(found)


def _parts(cut: Cut) -> list[Cut]:
    count = math.ceil(round(cut.duration / LONGEST, 6))
    if count < 2:
        return [cut]
    rate = cut.sampling_rate
    bounds = [cut.num_samples * part // count for part in range(count + 1)]
    return [cut.truncate(offset=a / rate, duration=(b - a) / rate) for a, b in pairwise(bounds)]

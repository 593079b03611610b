"""A PLDA for the embeddings of a speaker model: VBx needs one to cluster them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..data.corpora.cuts import cut_speaker, load_cut, read_cuts
from ..diarization.models import SpeakerEmbedder, embedding_model
from ..diarization.plda import PLDA
from ..errors import DataError
from ..quantities import SAMPLE_RATE, Seconds
from .arguments import Model, task_model

if TYPE_CHECKING:
    from lhotse.cut import Cut

_SHORTEST = 0.5
"""Seconds. A shorter stretch at the end of an utterance is left out."""


def plda(model: Model, data: str | Path | Iterable[Cut], *, seconds: Seconds = 2.0, size: int | None = None) -> PLDA:
    """Fit a PLDA to embeddings of stretches of speech, as short as those that diarization clusters.

    Args:
        model: a speaker model, or the place of one.
        data: utterances of one speaker each: Lhotse cuts, or their manifest.
        seconds: length of the stretches into which utterances are cut.
        size: number of directions to keep, those in which speakers differ most; by default all.

    Raises:
        AudioError: an utterance cannot be read.
        CheckpointError: the model cannot be loaded, is for another task, or cannot embed parts of a recording.
        DataError: stretches that are too short, a cut without a speaker, or too few speakers; see `PLDA.fit`.
    """
    if seconds < _SHORTEST:
        raise DataError(
            f"plda: stretches of --seconds {seconds:g} are too short to embed; take {_SHORTEST:g} s or more"
        )
    embedder = embedding_model(task_model(model, "verification"))
    cuts = read_cuts(data) if isinstance(data, str | Path) else data
    embeddings = list(_embeddings(embedder, cuts, round(seconds * SAMPLE_RATE)))
    if not embeddings:
        raise DataError(f"plda: no utterance is as long as {_SHORTEST:g} s")
    names, vectors = zip(*embeddings, strict=True)
    speakers = np.unique(names, return_inverse=True)[1].astype(np.int64)
    fitted = PLDA.fit(np.stack(vectors).astype(np.float64), speakers)
    return fitted if size is None else fitted.first(size)


@torch.no_grad()
def _embeddings(embedder: SpeakerEmbedder, cuts: Iterable[Cut], samples: int) -> Iterator[tuple[str, np.ndarray]]:
    """Speaker and embedding ``[E]`` of each stretch."""
    for cut in cuts:
        if (speaker := cut_speaker(cut)) is None:
            raise DataError(f"plda: the cut {cut.id} has no speaker; it needs utterances of known speakers")
        for stretch in load_cut(cut).split(samples):
            if len(stretch) < _SHORTEST * SAMPLE_RATE:
                continue
            yield speaker, embedder.whole(stretch).float().cpu().numpy()

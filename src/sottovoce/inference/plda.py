"""A PLDA for the embeddings of a speaker model: what VBx needs to cluster them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..data.audio.reading import SAMPLE_RATE
from ..data.corpora.cuts import cut_speaker, load_cut
from ..diarization.models import EmbeddingModel
from ..diarization.plda import PLDA
from ..errors import DataError

if TYPE_CHECKING:
    from lhotse.cut import Cut

_SHORTEST = 0.5
"""Seconds of the last stretch of an utterance, below which it is left out."""


def fit_plda(embedder: EmbeddingModel, cuts: Iterable[Cut], *, seconds: float = 2.0, size: int | None = None) -> PLDA:
    """Fit a PLDA to embeddings of stretches of speech, as short as those that the pipeline clusters.

    Args:
        embedder: the speaker model.
        cuts: utterances of one speaker each.
        seconds: of a stretch; utterances are cut into such.
        size: directions that are kept, those in which speakers differ most; default: all.

    Raises:
        DataError: stretches that are too short, a cut without a speaker, or too few speakers; see `PLDA.fit`.
        AudioError: an utterance cannot be read.
    """
    if seconds < _SHORTEST:
        raise DataError(f"plda: stretches of --seconds {seconds:g} say little of a voice; take {_SHORTEST:g} s or more")
    found = list(_embedded(embedder, cuts, round(seconds * SAMPLE_RATE)))
    if not found:
        raise DataError(f"plda: no utterance is as long as {_SHORTEST:g} s")
    names, vectors = zip(*found, strict=True)
    speakers = np.unique(names, return_inverse=True)[1].astype(np.int64)
    fitted = PLDA.fit(np.stack(vectors).astype(np.float64), speakers)
    return fitted if size is None else fitted.first(size)


@torch.no_grad()
def _embedded(embedder: EmbeddingModel, cuts: Iterable[Cut], samples: int) -> Iterator[tuple[str, np.ndarray]]:
    for cut in cuts:
        if (speaker := cut_speaker(cut)) is None:
            raise DataError(f"plda: the cut {cut.id} has no speaker; it needs utterances of known speakers")
        for stretch in load_cut(cut).split(samples):
            if len(stretch) < _SHORTEST * SAMPLE_RATE:
                continue
            frames = embedder.frames(stretch[None])[0]
            mask = torch.ones(1, len(frames), dtype=torch.bool)
            yield speaker, embedder.pool(frames, mask)[0].float().cpu().numpy()

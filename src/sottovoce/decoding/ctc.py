"""CTC search: the best path, and the best label sequence by prefix beam search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..encoder.layers.frame_masks import frame_mask
from ..errors import DataError
from .ctc_prefix_beam import CTCPrefixBeamSearch, Floats
from .hypothesis import Hypothesis, check_search
from .language_model import LanguageModel


def ctc_greedy(scores: Tensor, lengths: Tensor | Sequence[int] | None = None, *, blank: int = 0) -> list[list[int]]:
    """Labels of the best path: repeats merged, then blanks removed (Graves et al. 2006).

    Args:
        scores: ``[B, T, V]`` logits or log-probabilities.
        lengths: ``[B]`` numbers of valid frames; by default all frames are valid.
        blank: index of the blank output.
    """
    B, T, _ = scores.shape
    best = scores.argmax(-1)
    kept = best != blank
    kept[:, 1:] &= best[:, 1:] != best[:, :-1]
    if lengths is not None:
        kept &= frame_mask(torch.as_tensor(lengths, device=best.device), T)
    return [best[b, kept[b]].tolist() for b in range(B)]


def ctc_beam_search(
    log_probs: Floats | Tensor,
    *,
    blank: int = 0,
    beam: int = 16,
    tokens: int | None = None,
    language: LanguageModel | None = None,
    weight: float = 0.5,
    bonus: float = 0.0,
) -> list[Hypothesis]:
    """The best label sequences, scored by the sum over their alignments, by prefix beam search (Hannun et al. 2014, 1408.2873).

        score = log P(labels | speech) + weight · log P(labels) + bonus · number of labels

    Args:
        log_probs: ``[T, V]`` natural log-probabilities of one utterance, without padding.
        blank: index of the blank output.
        beam: number of prefixes that are kept after each frame.
        tokens: number of labels, the likeliest of each frame, by which prefixes are extended; ``None`` for all. With a
            language model, which scores every extension, a value of about 20 saves much time.
        language: a language model over labels or words, see `language_model`.
        weight: weight of the language model.
        bonus: score added for each label, because language models prefer short results.

    Returns:
        At most ``beam`` hypotheses, the best first.

    Raises:
        DataError: the scores are not ``[T, V]`` or contain NaN, the blank is not an output, or the beam is below 1.
    """
    check_search(beam=beam, tokens=tokens)
    table = np.asarray(log_probs.detach().cpu() if isinstance(log_probs, Tensor) else log_probs, dtype=np.float64)
    if table.ndim != 2 or not 0 <= blank < table.shape[1]:
        raise DataError(
            f"CTC search: log-probabilities {list(table.shape)} and blank {blank}; they must be [T, V] and 0..V-1"
        )
    if np.isnan(table).any():
        raise DataError(f"CTC search: frame {np.isnan(table).any(1).argmax()} has scores that are not numbers")
    search = CTCPrefixBeamSearch(
        table.shape[1], blank=blank, beam=beam, tokens=tokens, language=language, weight=weight, bonus=bonus
    )
    search.push(table)
    return search.hypotheses()

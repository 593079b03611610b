"""Transducer search: greedy, and beam search that sums over the alignments of a prefix."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..heads.sequence.transducer import Transducer
from .ctc_prefix_beam import FrameChain, frames_from_chain
from .hypothesis import Hypothesis, check_search

MOST_CONTEXTS = 20_000
"""Contexts of labels whose predictor state is kept (of 512 numbers each, 40 MB)."""


@torch.no_grad()
def transducer_greedy(head: Transducer, frames: Tensor, lengths: Tensor, *, max_symbols: int = 10) -> list[list[int]]:
    """The likeliest output at every step; all utterances of a batch together.

    Args:
        head: predictor and joiner.
        frames: ``[B, T, J]`` from `Transducer.project`.
        lengths: ``[B]`` valid frames.
        max_symbols: labels after which a frame is left without a blank.

    Raises:
        DataError: ``max_symbols`` below 1.
    """
    check_search(max_symbols=max_symbols)
    B, T, _ = frames.shape
    lengths = lengths.to(frames.device)
    said: list[list[int]] = [[] for _ in range(B)]
    contexts = torch.full((B, head.predictor.context), head.blank, device=frames.device)
    states = context_states(head, contexts)
    for t in range(T):
        speaking = t < lengths
        for _ in range(max_symbols):
            best = head.joiner(frames[:, t], states).argmax(-1)
            speaking = speaking & (best != head.blank)
            chosen = speaking.nonzero()[:, 0]
            if not len(chosen):
                break
            for b, token in zip(chosen.tolist(), best[chosen].tolist(), strict=True):
                said[b].append(token)
            contexts[chosen] = torch.cat([contexts[chosen, 1:], best[chosen, None]], 1)
            states[chosen] = context_states(head, contexts[chosen])
    return said


@torch.no_grad()
def transducer_beam_search(
    head: Transducer, frames: Tensor, *, beam: int = 8, max_symbols: int = 3
) -> list[Hypothesis]:
    """The best label sequences of one utterance, each by the sum over its alignments (Graves 2012, 1211.3711).

    All prefixes move from frame to frame together; within a frame each may say up to ``max_symbols`` labels, and
    prefixes that have become equal are one from then on, with the sum of their probabilities.

    Args:
        head: predictor and joiner.
        frames: ``[T, J]`` from `Transducer.project`, the padding cut off.
        beam: prefixes kept after each frame, and after each label within one.
        max_symbols: labels in one frame.

    Returns:
        At most ``beam`` hypotheses, the best first.

    Raises:
        DataError: a beam or ``max_symbols`` below 1.
    """
    check_search(beam=beam, max_symbols=max_symbols)
    joiner = CachedJoiner(head)
    kept = START
    for now, frame in enumerate(frames):
        kept = advance_beam(frame, kept, joiner, beam, max_symbols, now)
    return [
        Hypothesis(tokens, score, score, tuple(frames_from_chain(times))) for tokens, (score, times) in kept.items()
    ]


Beam = dict[tuple[int, ...], tuple[float, FrameChain]]
"""Labels of a prefix -> its log-probability, and the frames where they came up; the best first."""

START: Beam = {(): (0.0, None)}


def advance_beam(frame: Tensor, kept: Beam, joiner: CachedJoiner, beam: int, max_symbols: int, now: int) -> Beam:
    """The best prefixes after one more projected ``frame[J]``, which is number ``now``."""
    ended: dict[tuple[int, ...], float] = {}
    likeliest: dict[tuple[int, ...], tuple[float, FrameChain]] = {}
    speaking = kept
    for symbols in range(max_symbols + 1):
        prefixes = list(speaking)
        scores = joiner(frame, prefixes) + np.array([score for score, _ in speaking.values()])[:, None]
        for prefix, score in zip(prefixes, scores[:, joiner.blank].tolist(), strict=True):
            ended[prefix] = float(np.logaddexp(ended.get(prefix, -math.inf), score))
            if prefix not in likeliest or score > likeliest[prefix][0]:
                likeliest[prefix] = score, speaking[prefix][1]
        if symbols == max_symbols:
            break
        scores[:, joiner.blank] = -np.inf
        flat = scores.ravel()
        best = np.argpartition(-flat, beam - 1)[:beam] if beam < flat.size else np.arange(flat.size)
        if len(ended) >= beam:
            # What is below all that is kept can only fall.
            best = best[flat[best] > sorted(ended.values())[-beam]]
        best = best[flat[best] > -np.inf]
        if not len(best):
            break
        rows, tokens = np.divmod(best, scores.shape[1])
        said = zip(rows.tolist(), tokens.tolist(), flat[best].tolist(), strict=True)
        # No two of these are equal: a label more can be said by one prefix only.
        before = list(speaking.values())
        speaking = {(*prefixes[row], token): (score, (before[row][1], now)) for row, token, score in said}
    best_first = sorted(ended.items(), key=lambda item: -item[1])[:beam]
    return {prefix: (score, likeliest[prefix][1]) for prefix, score in best_first}


class CachedJoiner:
    """Log-probabilities for many prefixes; what the predictor makes of a context is computed once."""

    def __init__(self, head: Transducer):
        self.head, self.blank, self.context = head, head.blank, head.predictor.context
        self._states: dict[tuple[int, ...], Tensor] = {}

    def __call__(self, frame: Tensor, prefixes: list[tuple[int, ...]]) -> np.ndarray:
        """``[N, V]`` float64 for a projected ``frame[J]``."""
        ends = [((self.blank,) * self.context + prefix)[-self.context :] for prefix in prefixes]
        if len(self._states) > MOST_CONTEXTS:
            self._states = {}
        if new := list({end for end in ends if end not in self._states}):
            states = context_states(self.head, torch.tensor(new, device=frame.device))
            self._states |= dict(zip(new, states, strict=True))
        logits = self.head.joiner(frame, torch.stack([self._states[end] for end in ends]))
        wide = logits if logits.dtype == torch.float64 else logits.float()
        return wide.log_softmax(-1).double().cpu().numpy()


def context_states(head: Transducer, contexts: Tensor) -> Tensor:
    """``[N, J]``: what the joiner adds for the last labels ``contexts[N, context]``."""
    return head.joiner.predictor(head.predictor.states(contexts)[:, 0])

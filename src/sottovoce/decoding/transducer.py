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
"""Maximum number of label contexts whose predictor state is cached (40 MB at 512 numbers each)."""


@torch.no_grad()
def transducer_greedy(head: Transducer, frames: Tensor, lengths: Tensor, *, max_symbols: int = 10) -> list[list[int]]:
    """The likeliest output at every step, for all utterances of a batch together.

    Args:
        head: head of the model, with predictor and joiner.
        frames: ``[B, T, J]`` from `Transducer.project`.
        lengths: ``[B]`` numbers of valid frames.
        max_symbols: maximum number of labels in one frame.

    Raises:
        DataError: ``max_symbols`` is below 1.
    """
    check_search(max_symbols=max_symbols)
    B, T, _ = frames.shape
    lengths = lengths.to(frames.device)
    labels: list[list[int]] = [[] for _ in range(B)]
    contexts = torch.full((B, head.predictor.context), head.blank, device=frames.device)
    states = context_states(head, contexts)
    for t in range(T):
        active = t < lengths
        for _ in range(max_symbols):
            best = head.joiner(frames[:, t], states).argmax(-1)
            active = active & (best != head.blank)
            chosen = active.nonzero()[:, 0]
            if not len(chosen):
                break
            for b, token in zip(chosen.tolist(), best[chosen].tolist(), strict=True):
                labels[b].append(token)
            contexts[chosen] = torch.cat([contexts[chosen, 1:], best[chosen, None]], 1)
            states[chosen] = context_states(head, contexts[chosen])
    return labels


@torch.no_grad()
def transducer_beam_search(
    head: Transducer, frames: Tensor, *, beam: int = 8, max_symbols: int = 3
) -> list[Hypothesis]:
    """The best label sequences of one utterance, scored by the sum over their alignments (Graves 2012, 1211.3711).

    All prefixes advance from frame to frame together. Within a frame each may be extended by up to ``max_symbols`` labels, and
    prefixes that become equal are merged by adding their probabilities.

    Args:
        head: head of the model, with predictor and joiner.
        frames: ``[T, J]`` from `Transducer.project`, without padding.
        beam: number of prefixes that are kept after each frame, and after each label within one.
        max_symbols: maximum number of labels in one frame.

    Returns:
        At most ``beam`` hypotheses, the best first.

    Raises:
        DataError: ``beam`` or ``max_symbols`` is below 1.
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
"""Labels of a prefix -> its log-probability, and the frames in which they appear; the best first."""

START: Beam = {(): (0.0, None)}


def advance_beam(frame: Tensor, kept: Beam, joiner: CachedJoiner, beam: int, max_symbols: int, now: int) -> Beam:
    """The beam after one more projected ``frame[J]``, which has the index ``now``."""
    ended: dict[tuple[int, ...], float] = {}
    likeliest: dict[tuple[int, ...], tuple[float, FrameChain]] = {}
    active = kept
    for symbols in range(max_symbols + 1):
        prefixes = list(active)
        scores = joiner(frame, prefixes) + np.array([score for score, _ in active.values()])[:, None]
        for prefix, score in zip(prefixes, scores[:, joiner.blank].tolist(), strict=True):
            ended[prefix] = float(np.logaddexp(ended.get(prefix, -math.inf), score))
            if prefix not in likeliest or score > likeliest[prefix][0]:
                likeliest[prefix] = score, active[prefix][1]
        if symbols == max_symbols:
            break
        scores[:, joiner.blank] = -np.inf
        flat = scores.ravel()
        best = np.argpartition(-flat, beam - 1)[:beam] if beam < flat.size else np.arange(flat.size)
        if len(ended) >= beam:
            # Extensions less likely than all of the beam are dropped, as they can only become less likely.
            best = best[flat[best] > sorted(ended.values())[-beam]]
        best = best[flat[best] > -np.inf]
        if not len(best):
            break
        rows, tokens = np.divmod(best, scores.shape[1])
        extensions = zip(rows.tolist(), tokens.tolist(), flat[best].tolist(), strict=True)
        # All extensions differ, as each has its own pair of prefix and label.
        before = list(active.values())
        active = {(*prefixes[row], token): (score, (before[row][1], now)) for row, token, score in extensions}
    best_first = sorted(ended.items(), key=lambda item: -item[1])[:beam]
    return {prefix: (score, likeliest[prefix][1]) for prefix, score in best_first}


class CachedJoiner:
    """The joiner for many prefixes; the predictor is evaluated once for each context of labels."""

    def __init__(self, head: Transducer):
        self.head, self.blank, self.context = head, head.blank, head.predictor.context
        self._states: dict[tuple[int, ...], Tensor] = {}

    def __call__(self, frame: Tensor, prefixes: list[tuple[int, ...]]) -> np.ndarray:
        """Log-probabilities ``[N, V]``, float64, after each prefix, for a projected ``frame[J]``."""
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
    """The projected predictor states ``[N, J]`` after the last labels ``contexts[N, context]``."""
    return head.joiner.predictor(head.predictor.states(contexts)[:, 0])

"""CTC search: the best path, and the best label sequence by prefix beam search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..encoder.errors import DataError
from .fusion import LanguageModel, State
from .hypothesis import Hypothesis, check_search

Floats = NDArray[np.floating[Any]]
_NEVER = -np.inf


def ctc_greedy(scores: Tensor, lengths: Tensor | Sequence[int] | None = None, *, blank: int = 0) -> list[list[int]]:
    """Labels of the best path: repeats merged, then blanks removed (Graves et al. 2006).

    Args:
        scores: ``[B, T, V]`` logits or log-probabilities.
        lengths: ``[B]`` valid frames; all by default.
        blank: which output is the blank.
    """
    B, T, _ = scores.shape
    best = scores.argmax(-1)
    kept = best != blank
    kept[:, 1:] &= best[:, 1:] != best[:, :-1]
    if lengths is not None:
        kept &= torch.arange(T, device=best.device) < torch.as_tensor(lengths, device=best.device)[:, None]
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
    """The best label sequences, each by the sum over its alignments (prefix beam search, Hannun et al. 2014, 1408.2873).

        score = log P(labels | speech) + weight · log P(labels) + bonus · number of labels

    Args:
        log_probs: ``[T, V]`` natural log-probabilities of one utterance, its padding cut off.
        blank: which output is the blank.
        beam: prefixes kept after each frame.
        tokens: only so many of the likeliest labels of a frame start a longer prefix; all by default. With a language
            model that is asked for every extension, 20 or so save much time.
        language: an n-gram over labels or words, see `fusion`.
        weight: of the language model.
        bonus: for each label, against a language model's liking for short results.

    Returns:
        At most ``beam`` hypotheses, the best first.

    Raises:
        DataError: not ``[T, V]``, not a number in it, a blank that is no output, or a beam below 1.
    """
    check_search(beam=beam, tokens=tokens)
    table = np.asarray(log_probs.detach().cpu() if isinstance(log_probs, Tensor) else log_probs, dtype=np.float64)
    if table.ndim != 2 or not 0 <= blank < table.shape[1]:
        raise DataError(
            f"CTC search: log-probabilities {list(table.shape)} and blank {blank}; needed are [T, V], 0..V-1"
        )
    if np.isnan(table).any():
        raise DataError(f"CTC search: frame {np.isnan(table).any(1).argmax()} has scores that are not numbers")
    tree = _Prefixes(language, weight, bonus)
    labels = np.delete(np.arange(table.shape[1]), blank)
    beams = _Beams(np.zeros(1, dtype=np.int64), np.zeros(1), np.full(1, _NEVER))
    for frame in table:
        chosen = labels
        if tokens is not None and tokens < len(labels):
            chosen = labels[np.argpartition(-frame[labels], tokens - 1)[:tokens]]
        beams = beams.after(frame, chosen, blank, beam, tree)
    found = []
    for node, acoustic in zip(beams.nodes.tolist(), beams.totals().tolist(), strict=True):
        found.append(Hypothesis(tree.tokens(node), acoustic + tree.extras[node] + tree.ending(node), acoustic))
    return sorted(found, key=lambda each: -each.score)


class _Prefixes:
    """All prefixes met so far, as a tree; a node is a number, and 0 is the empty prefix."""

    def __init__(self, language: LanguageModel | None, weight: float, bonus: float):
        self.language, self.weight, self.bonus = language, weight, bonus
        self.parents, self.last = [-1], [-1]
        self.extras = [0.0]
        self.states: list[State] = [None if language is None else language.start()]
        self._children: dict[tuple[int, int], int] = {}
        self._steps: dict[tuple[State, int], tuple[State, float]] = {}

    def _step(self, state: State, token: int) -> tuple[State, float]:
        if self.language is None:
            return None, self.bonus
        found = self._steps.get((state, token))
        if found is None:
            after, score = self.language.step(state, token)
            found = self._steps[state, token] = after, self.weight * score + self.bonus
        return found

    def child(self, node: int, token: int) -> int:
        found = self._children.get((node, token))
        if found is None:
            found = self._children[node, token] = len(self.last)
            state, added = self._step(self.states[node], token)
            self.parents.append(node)
            self.last.append(token)
            self.states.append(state)
            self.extras.append(self.extras[node] + added)
        return found

    def added(self, nodes: NDArray[np.int64], labels: NDArray[np.int64]) -> Floats | float:
        """What each label would add to each prefix ``[K, labels]``, apart from the acoustics."""
        if self.language is None:
            return self.bonus
        states, wanted = [self.states[node] for node in nodes.tolist()], labels.tolist()
        return np.array([[self._step(state, token)[1] for token in wanted] for state in states])

    def tokens(self, node: int) -> tuple[int, ...]:
        path = []
        while node:
            path.append(self.last[node])
            node = self.parents[node]
        return tuple(reversed(path))

    def ending(self, node: int) -> float:
        return 0.0 if self.language is None else self.weight * self.language.finish(self.states[node])


class _Beams:
    """The prefixes that are kept: ``[K]`` nodes, log-probability of ending in a blank, and of ending in a label."""

    def __init__(self, nodes: NDArray[np.int64], in_blank: Floats, in_label: Floats):
        self.nodes, self.in_blank, self.in_label = nodes, in_blank, in_label

    def totals(self) -> Floats:
        return np.logaddexp(self.in_blank, self.in_label)

    def after(self, frame: Floats, labels: NDArray[np.int64], blank: int, beam: int, tree: _Prefixes) -> _Beams:
        """The best prefixes after one more ``frame[V]``."""
        K, nodes, totals = len(self.nodes), self.nodes, self.totals()
        last = np.array([tree.last[node] for node in nodes.tolist()])
        in_blank = totals + frame[blank]
        # The same label again only lengthens it; to say it twice there must be a blank between.
        in_label = np.where(last >= 0, self.in_label + frame[last], _NEVER)
        longer = totals[:, None] + frame[labels]
        again = labels == last[:, None]
        longer[again] = (self.in_blank[:, None] + frame[labels])[again]

        # A longer prefix may be kept already: then it is no new one, but adds to that one.
        place = {node: k for k, node in enumerate(nodes.tolist())}
        parent = np.array([place.get(tree.parents[node], -1) for node in nodes.tolist()])
        child = np.flatnonzero(parent >= 0)
        parent = parent[child]
        grown = np.where(last[parent] == last[child], self.in_blank[parent], totals[parent]) + frame[last[child]]
        in_label[child] = np.logaddexp(in_label[child], grown)
        row, column = np.nonzero(labels == last[child][:, None])
        longer[parent[row], column] = _NEVER

        extras = np.array([tree.extras[node] for node in nodes.tolist()])
        stays = np.logaddexp(in_blank, in_label) + extras
        ranking = np.concatenate([stays, (longer + extras[:, None] + tree.added(nodes, labels)).ravel()])
        best = np.argpartition(-ranking, beam - 1)[:beam] if beam < len(ranking) else np.arange(len(ranking))
        best = best[ranking[best] > _NEVER]
        kept, new = best[best < K], best[best >= K] - K
        row, column = new // len(labels), new % len(labels)
        made = [
            tree.child(node, token) for node, token in zip(nodes[row].tolist(), labels[column].tolist(), strict=True)
        ]
        return _Beams(
            np.concatenate([nodes[kept], np.array(made, dtype=np.int64)]),
            np.concatenate([in_blank[kept], np.full(len(new), _NEVER)]),
            np.concatenate([in_label[kept], longer[row, column]]),
        )

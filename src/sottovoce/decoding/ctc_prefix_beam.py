"""The state of a CTC prefix beam search: it goes frame by frame, so it can wait for more, and tell what is settled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .hypothesis import Hypothesis
from .language_model import LanguageModel, State

Floats = NDArray[np.floating[Any]]
FrameChain = Any
"""``(times of the labels before, frame of the last label)``, or ``None`` for no label: prefixes share what they share."""

_NEVER = -np.inf

PRUNING_MARGIN = 15.0
"""How far below the best (as log-probability: 3 in 10 million) a prefix of a stream is given up."""


def frames_from_chain(times: FrameChain) -> list[int]:
    """The frames, first to last."""
    frames = []
    while times is not None:
        times, frame = times
        frames.append(frame)
    return frames[::-1]


def chain_from_frames(frames: list[int]) -> FrameChain:
    """The inverse of `frames_from_chain`."""
    times: FrameChain = None
    for frame in frames:
        times = (times, frame)
    return times


class CTCPrefixBeamSearch:
    """Prefix beam search over ``V`` outputs; arguments are those of `ctc_beam_search`."""

    def __init__(
        self,
        outputs: int,
        *,
        blank: int = 0,
        beam: int = 16,
        tokens: int | None = None,
        language: LanguageModel | None = None,
        weight: float = 0.5,
        bonus: float = 0.0,
    ):
        self.blank, self.beam, self.tokens = blank, beam, tokens
        self.frames = 0
        self._tree = _Prefixes(language, weight, bonus)
        self._labels = np.delete(np.arange(outputs), blank)
        self._beams = _Beams(np.zeros(1, dtype=np.int64), np.zeros(1), np.full(1, _NEVER), [None])

    def push(self, log_probs: Floats) -> None:
        """Go on through ``[T, V]`` natural log-probabilities."""
        for frame in log_probs:
            chosen = self._labels
            if self.tokens is not None and self.tokens < len(chosen):
                chosen = chosen[np.argpartition(-frame[chosen], self.tokens - 1)[: self.tokens]]
            self._beams = self._beams.after(frame, chosen, self.blank, self.beam, self._tree, self.frames)
            self.frames += 1

    def hypotheses(self) -> list[Hypothesis]:
        """If the utterance ended here: what follows the labels that have been settled, the best first."""
        found, beams, tree = [], self._beams, self._tree
        for node, acoustic, times in zip(beams.nodes.tolist(), beams.totals().tolist(), beams.times, strict=True):
            score = acoustic + tree.extras[node] + tree.ending(node)
            found.append(Hypothesis(tree.tokens(node), score, acoustic, tuple(frames_from_chain(times))))
        return sorted(found, key=lambda each: -each.score)

    def pop_agreed(self, decide: bool = False) -> list[tuple[int, int]]:
        """Labels that all prefixes now have in common, which nothing can change any more; they are forgotten here.

        Two kinds of prefix are given up first, or labels would wait for as long as an old rival is among the beam: what is
        `PRUNING_MARGIN`, and what ends like a likelier one (the same label, the same state of the language model), for from now
        on they have the same chances.

        Args:
            decide: drop all prefixes but the best.

        Returns:
            (label, frame where it came up) of each.
        """
        tree, beams = self._tree, self._beams
        ranking = beams.totals() + np.array([tree.extras[node] for node in beams.nodes.tolist()])
        best: dict[tuple[int, State], int] = {}
        for k in np.argsort(-ranking).tolist():
            node = int(beams.nodes[k])
            if ranking[k] > ranking.max() - PRUNING_MARGIN:
                best.setdefault((tree.last[node], tree.states[node]), k)
        beams = self._beams = beams.of(np.array(list(best.values())[: 1 if decide else None]))
        root = tree.shared(beams.nodes)
        labels = tree.tokens(root)
        frames = frames_from_chain(beams.times[0])[: len(labels)]
        beams.nodes = tree.cut(root, beams.nodes)
        beams.times = [chain_from_frames(frames_from_chain(times)[len(labels) :]) for times in beams.times]
        return list(zip(labels, frames, strict=True))


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

    def shared(self, nodes: NDArray[np.int64]) -> int:
        """The longest prefix that all of these begin with."""
        paths = [self._path(node) for node in set(nodes.tolist())]
        common = 0
        for step in zip(*paths, strict=False):
            if len(set(step)) > 1:
                break
            common = step[0]
        return common

    def _path(self, node: int) -> list[int]:
        path = []
        while node:
            path.append(node)
            node = self.parents[node]
        return path[::-1]

    def cut(self, root: int, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Forget all prefixes but these and the ways to them from ``root``, which becomes the empty one.

        Returns:
            the new numbers of the nodes.
        """
        kept = sorted({root, *(node for live in nodes.tolist() for node in self._path(live) if node > root)})
        number = {old: new for new, old in enumerate(kept)}
        self.parents = [-1, *(number[self.parents[old]] for old in kept[1:])]
        self.last, self.states = [self.last[old] for old in kept], [self.states[old] for old in kept]
        self.extras = [self.extras[old] for old in kept]
        self._children = {(self.parents[new], self.last[new]): new for new in range(1, len(kept))}
        self._steps = {}
        return np.array([number[node] for node in nodes.tolist()], dtype=np.int64)

    def ending(self, node: int) -> float:
        return 0.0 if self.language is None else self.weight * self.language.finish(self.states[node])


class _Beams:
    """The prefixes that are kept: ``[K]`` nodes, log-probability of ending in a blank, and of ending in a label; and
    when each of their labels came up."""

    def __init__(self, nodes: NDArray[np.int64], in_blank: Floats, in_label: Floats, times: list[FrameChain]):
        self.nodes, self.in_blank, self.in_label, self.times = nodes, in_blank, in_label, times

    def totals(self) -> Floats:
        return np.logaddexp(self.in_blank, self.in_label)

    def of(self, chosen: NDArray[np.int64]) -> _Beams:
        """Some of them."""
        times = [self.times[k] for k in chosen.tolist()]
        return _Beams(self.nodes[chosen], self.in_blank[chosen], self.in_label[chosen], times)

    def after(
        self, frame: Floats, labels: NDArray[np.int64], blank: int, beam: int, tree: _Prefixes, now: int
    ) -> _Beams:
        """The best prefixes after one more ``frame[V]``, which is number ``now``."""
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
        times = list(self.times)
        for k in np.flatnonzero(grown > np.logaddexp(in_label[child], in_blank[child])).tolist():
            times[child[k]] = (self.times[parent[k]], now)  # it is more likely to have been said now than before
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
            [*(times[k] for k in kept.tolist()), *((self.times[k], now) for k in row.tolist())],
        )

"""CTC prefix beam search frame by frame: the state of the search, and the labels that can be committed."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .hypothesis import Hypothesis
from .language_model import LanguageModel

Floats = NDArray[np.floating]
FrameChain: TypeAlias = "tuple[FrameChain, int] | None"
"""The frames of the labels of a prefix as a linked list ``(frames of the labels before, frame of the last label)``, or
``None`` if there are no labels. Prefixes with a common beginning share its list."""

_NEVER = -np.inf

PRUNING_MARGIN = 15.0
"""A prefix of a stream is dropped if its log-probability is lower than that of the best by this (a ratio of 3e-7)."""


def frames_from_chain(chain: FrameChain) -> list[int]:
    """The frames of a chain, first to last."""
    frames = []
    while chain is not None:
        chain, frame = chain
        frames.append(frame)
    return frames[::-1]


def chain_from_frames(frames: list[int]) -> FrameChain:
    """The inverse of `frames_from_chain`."""
    chain: FrameChain = None
    for frame in frames:
        chain = (chain, frame)
    return chain


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
        """Continue the search with ``log_probs[T, V]``, natural log-probabilities."""
        for frame in log_probs:
            chosen = self._labels
            if self.tokens is not None and self.tokens < len(chosen):
                chosen = chosen[np.argpartition(-frame[chosen], self.tokens - 1)[: self.tokens]]
            self._beams = self._beams.advance(frame, chosen, self.blank, self.beam, self._tree, self.frames)
            self.frames += 1

    def hypotheses(self) -> list[Hypothesis]:
        """The hypotheses as if the utterance ended here, the best first, without the committed labels."""
        found, beams, tree = [], self._beams, self._tree
        for node, acoustic, times in zip(beams.nodes.tolist(), beams.totals().tolist(), beams.times, strict=True):
            score = acoustic + tree.extras[node] + tree.ending(node)
            found.append(Hypothesis(tree.tokens(node), score, acoustic, tuple(frames_from_chain(times))))
        return sorted(found, key=lambda each: -each.score)

    def commit(self, force: bool = False) -> list[tuple[int, int]]:
        """Commit the labels that all prefixes have in common, which cannot change any more, and remove them from the search.

        Two kinds of prefixes would delay this and are dropped first: those that are less likely than the best by
        `PRUNING_MARGIN`, and those with the same last label and language model state as a likelier prefix, as both are
        extended in the same way.

        Args:
            force: drop all prefixes but the best, so that all its labels are committed.

        Returns:
            ``(label, frame)`` of each committed label.
        """
        tree, beams = self._tree, self._beams
        ranking = beams.totals() + np.array([tree.extras[node] for node in beams.nodes.tolist()])
        best: dict[tuple[int, Hashable], int] = {}
        for k in np.argsort(-ranking).tolist():
            node = int(beams.nodes[k])
            if ranking[k] > ranking.max() - PRUNING_MARGIN:
                best.setdefault((tree.last[node], tree.states[node]), k)
        beams = self._beams = beams.of(np.array(list(best.values())[: 1 if force else None]))
        root = tree.common_prefix(beams.nodes)
        labels = tree.tokens(root)
        frames = frames_from_chain(beams.times[0])[: len(labels)]
        beams.nodes = tree.reroot(root, beams.nodes)
        beams.times = [chain_from_frames(frames_from_chain(times)[len(labels) :]) for times in beams.times]
        return list(zip(labels, frames, strict=True))


class _Prefixes:
    """All prefixes of the search as a tree; a node is an index, and 0 is the empty prefix."""

    def __init__(self, language: LanguageModel | None, weight: float, bonus: float):
        self.language, self.weight, self.bonus = language, weight, bonus
        self.parents, self.last = [-1], [-1]
        self.extras = [0.0]
        self.states: list[Hashable] = [None if language is None else language.start()]
        self._children: dict[tuple[int, int], int] = {}
        self._steps: dict[tuple[Hashable, int], tuple[Hashable, float]] = {}

    def _step(self, state: Hashable, token: int) -> tuple[Hashable, float]:
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
        """The score ``[K, labels]`` that language model and bonus add for each label after each of ``K`` prefixes."""
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

    def common_prefix(self, nodes: NDArray[np.int64]) -> int:
        """The longest common prefix of these prefixes."""
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

    def reroot(self, root: int, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Keep only these prefixes and their paths from ``root``, which becomes the empty prefix.

        Returns:
            The new indices of the nodes.
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
    """The prefixes in the beam.

    Args:
        nodes: ``[K]`` nodes of the prefixes.
        in_blank, in_label: ``[K]`` log-probabilities of the alignments that end in a blank, and in the last label.
        times: frames of the labels of each prefix.
    """

    def __init__(self, nodes: NDArray[np.int64], in_blank: Floats, in_label: Floats, times: list[FrameChain]):
        self.nodes, self.in_blank, self.in_label, self.times = nodes, in_blank, in_label, times

    def totals(self) -> Floats:
        return np.logaddexp(self.in_blank, self.in_label)

    def of(self, chosen: NDArray[np.int64]) -> _Beams:
        """The beam with only these entries."""
        times = [self.times[k] for k in chosen.tolist()]
        return _Beams(self.nodes[chosen], self.in_blank[chosen], self.in_label[chosen], times)

    def advance(
        self, frame: Floats, labels: NDArray[np.int64], blank: int, beam: int, tree: _Prefixes, now: int
    ) -> _Beams:
        """The beam after one more ``frame[V]`` of log-probabilities, which has the index ``now``."""
        K, nodes, totals = len(self.nodes), self.nodes, self.totals()
        last = np.array([tree.last[node] for node in nodes.tolist()])
        in_blank = totals + frame[blank]
        # The last label again only prolongs it; to repeat a label, a blank must come between.
        in_label = np.where(last >= 0, self.in_label + frame[last], _NEVER)
        longer = totals[:, None] + frame[labels]
        again = labels == last[:, None]
        longer[again] = (self.in_blank[:, None] + frame[labels])[again]

        # If an extended prefix is in the beam already, its probability is added to that entry.
        place = {node: k for k, node in enumerate(nodes.tolist())}
        parent = np.array([place.get(tree.parents[node], -1) for node in nodes.tolist()])
        child = np.flatnonzero(parent >= 0)
        parent = parent[child]
        grown = np.where(last[parent] == last[child], self.in_blank[parent], totals[parent]) + frame[last[child]]
        times = list(self.times)
        for k in np.flatnonzero(grown > np.logaddexp(in_label[child], in_blank[child])).tolist():
            times[child[k]] = (
                self.times[parent[k]],
                now,
            )  # the label is more likely in this frame than in an earlier one
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
        created = [
            tree.child(node, token) for node, token in zip(nodes[row].tolist(), labels[column].tolist(), strict=True)
        ]
        return _Beams(
            np.concatenate([nodes[kept], np.array(created, dtype=np.int64)]),
            np.concatenate([in_blank[kept], np.full(len(new), _NEVER)]),
            np.concatenate([in_label[kept], longer[row, column]]),
            [*(times[k] for k in kept.tolist()), *((self.times[k], now) for k in row.tolist())],
        )

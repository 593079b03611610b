"""Samplers with random access: the utterance at a position of an endless order is a function of seed and position."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_WHOLE, _OWN, _BUCKETS = 2, 3, 4
"""Part of the seed of each sampler, which keeps its random numbers apart from those of the batches."""


def permutation(size: int, *key: int) -> NDArray[np.int64]:
    """The permutation of ``range(size)`` that belongs to a key."""
    return np.random.default_rng(key).permutation(size)


@lru_cache(maxsize=4)  # all positions of a pass use the same permutation
def _shuffle(size: int, seed: int, turn: int) -> NDArray[np.int64]:
    return permutation(size, seed, _WHOLE, turn)


class Shuffled:
    """One permutation of the corpus after another: every utterance once in each pass.

    Args:
        size: utterances in the corpus.
        seed: seed of the permutations; pass ``p`` is shuffled by ``(seed, p)``.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed

    def __getitem__(self, position: int) -> int:
        turn, place = divmod(position, self.size)
        return int(_shuffle(self.size, self.seed, turn)[place])


class Balanced:
    """Rounds over the classes: each class once in a round, with its next utterance.

    The utterances of a class come in permutations, so that no utterance is repeated before all have been used.

    Args:
        labels: ``[N]`` class of each utterance.
        seed: seed of the permutations.
    """

    def __init__(self, labels: Sequence[int], seed: int) -> None:
        self.seed = seed
        speakers, codes = np.unique(np.asarray(labels), return_inverse=True)
        self.utterances = [np.flatnonzero(codes == code) for code in range(len(speakers))]

    def __getitem__(self, position: int) -> int:
        turn, place = divmod(position, len(self.utterances))
        speaker = int(_shuffle(len(self.utterances), self.seed, turn)[place])
        own = self.utterances[speaker]
        cycle, number = divmod(turn, len(own))
        return int(own[permutation(len(own), self.seed, _OWN, speaker, cycle)[number]])


class Bucketed:
    """Passes over the corpus in buckets of similar duration, so that batches have little padding.

    In each pass the utterances are sorted by their durations, with some noise so that the buckets differ from pass to
    pass; then the buckets are shuffled. The first bucket is filled up with random utterances.

    Args:
        durations: ``[N]`` durations of the utterances, in any unit.
        run: number of utterances in a bucket: those of one step on all ranks.
        seed: seed of the permutations.
    """

    JITTER = 0.1

    def __init__(self, durations: Sequence[float], run: int, seed: int) -> None:
        self.durations, self.run, self.seed = np.asarray(durations, float), run, seed
        self.runs = -(-len(self.durations) // run)
        self._pass: tuple[int, NDArray[np.int64]] | None = None

    def __getitem__(self, position: int) -> int:
        turn, place = divmod(position, self.runs * self.run)
        if self._pass is None or self._pass[0] != turn:
            self._pass = turn, self._order(turn)
        return int(self._pass[1][place])

    def _order(self, turn: int) -> NDArray[np.int64]:
        generator = np.random.default_rng([self.seed, _BUCKETS, turn])
        size = len(self.durations)
        noisy = self.durations * (1 + self.JITTER * generator.uniform(-1, 1, size))
        filling = generator.integers(size, size=self.runs * self.run - size)
        order = np.argsort(noisy, kind="stable")
        # The random utterances join the shortest ones, where padding to a long one costs least.
        runs = np.concatenate([filling, order]).reshape(self.runs, self.run)
        return runs[generator.permutation(self.runs)].reshape(-1)

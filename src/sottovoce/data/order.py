"""Endless orders over a corpus: which utterance stands at a position, as a function of the seed and the position."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_WHOLE, _OWN = 2, 3
"""Keep the random numbers of orders apart from one another and from those of the batches."""


def permutation(size: int, *key: int) -> NDArray[np.int64]:
    """The permutation of ``range(size)`` that belongs to a key."""
    return np.random.default_rng(key).permutation(size)


@lru_cache(maxsize=4)  # a pass over a large corpus asks for the same one again and again
def _shuffle(size: int, seed: int, turn: int) -> NDArray[np.int64]:
    return permutation(size, seed, _WHOLE, turn)


class Shuffled:
    """One permutation of the corpus after another: every utterance once in each pass.

    Args:
        size: utterances in the corpus.
        seed: of the permutations; pass ``p`` is shuffled by ``(seed, p)``.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed

    def __getitem__(self, position: int) -> int:
        turn, place = divmod(position, self.size)
        return int(_shuffle(self.size, self.seed, turn)[place])


class Balanced:
    """Rounds over the speakers: each speaker once in a round, with its next utterance.

    Every speaker goes through its own utterances in permutations, so that none is repeated before all were used.

    Args:
        labels: speaker of each utterance.
        seed: of the permutations.
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

"""Who speaks at once as one class a frame: all sets of at most a few speakers (Plaquet and Bredin 2023, 2310.13025).

class    0   1   2   3   4   5   6         3 speakers, at most 2 at once
A        .   x   .   .   x   x   .
B        .   .   x   .   x   .   x
C        .   .   .   x   .   x   x
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from ..errors import DataError


class Powerset:
    """The classes of a local model.

    Args:
        speakers: most speakers in one window, ``K``.
        at_once: most of them in one frame.

    Attributes:
        sets: the speakers of each class: nobody, each alone, each pair, ...
        members: ``[classes, K]`` of 0 and 1.

    Raises:
        DataError: not ``1 <= at_once <= speakers <= 8`` (every order of more would be too many).

    >>> Powerset(3, 2).sets
    ((), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2))
    """

    def __init__(self, speakers: int = 4, at_once: int = 2):
        if not 1 <= at_once <= speakers <= 8:
            raise DataError(
                f"powerset: {at_once} of {speakers} speakers at once; it must be 1 <= at_once <= speakers <= 8"
            )
        self.speakers, self.at_once = speakers, at_once
        self.sets = tuple(each for count in range(at_once + 1) for each in combinations(range(speakers), count))
        self.members = torch.zeros(len(self.sets), speakers)
        for row, each in zip(self.members, self.sets, strict=True):
            row[list(each)] = 1.0

    def __len__(self) -> int:
        return len(self.sets)

    def decode(self, scores: Tensor) -> Tensor:
        """Speakers ``[..., K]`` (0 or 1) of the class with the highest of ``scores[..., classes]``."""
        return self.members.to(scores.device)[scores.argmax(-1)]

    def encode(self, active: Tensor) -> Tensor:
        """Class ``[...]`` of ``active[..., K]`` (0 or 1).

        Where more speak than a class can hold, it is the first of the largest sets within them.
        """
        members = self.members.to(active.device)
        # Products count the speakers that are right, less those that are not: the highest is the nearest set.
        return (active.to(members.dtype) @ (2 * members - 1).t()).argmax(-1)

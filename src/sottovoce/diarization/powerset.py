"""Powerset classes: each class is a set of speakers who speak at the same time (Plaquet and Bredin 2023, 2310.13025).

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
    """The classes of a segmentation model.

    Args:
        speakers: maximum number of speakers in a window, ``K``.
        at_once: maximum number of speakers in a frame.

    Attributes:
        sets: the speakers of each class: nobody, each alone, each pair, ...
        members: ``[classes, K]``, 1 if the speaker is in the class, otherwise 0.

    Raises:
        DataError: unless ``1 <= at_once <= speakers <= 8``.

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
        """Speakers ``[..., K]`` (0 or 1) of the class with the highest score in ``scores[..., classes]``."""
        return self.members.to(scores.device)[scores.argmax(-1)]

    def encode(self, active: Tensor) -> Tensor:
        """Class ``[...]`` of ``active[..., K]`` (0 or 1).

        If more speakers are active than a class can have, the first class with the most of them is taken.
        """
        members = self.members.to(active.device)
        # Each product is the number of right minus wrong speakers of a class: the highest is the nearest class.
        return (active.to(members.dtype) @ (2 * members - 1).t()).argmax(-1)

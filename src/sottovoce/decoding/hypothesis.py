"""What a search returns."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DataError


@dataclass(frozen=True)
class Hypothesis:
    """A label sequence and how good it is.

    Attributes:
        tokens: labels, without blanks.
        score: what the search ranks by: natural ``acoustic`` log-probability, plus what a language model adds.
        acoustic: natural log of the probability of all alignments with these labels that the search kept.
        frames: where each label came up; of the alignments that it came by, that of the likeliest step.
    """

    tokens: tuple[int, ...]
    score: float
    acoustic: float
    frames: tuple[int, ...] = ()


def check_search(**at_least_one: int | None) -> None:
    """Check that the options of a search that count something count at least one.

    Raises:
        DataError: one does not.
    """
    for name, value in at_least_one.items():
        if value is not None and value < 1:
            raise DataError(f"search: {name} is {value}; it must be at least 1")

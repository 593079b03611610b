"""The result of a search."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DataError


@dataclass(frozen=True)
class Hypothesis:
    """A label sequence and its score.

    Attributes:
        tokens: the labels, without blanks.
        score: the score that hypotheses are ranked by: ``acoustic`` plus the score of the language model and the bonus.
        acoustic: natural log-probability of all alignments of these labels that were in the beam.
        frames: index of the frame in which each label is emitted, in the likeliest alignment that was found.
    """

    tokens: tuple[int, ...]
    score: float
    acoustic: float
    frames: tuple[int, ...] = ()


def check_search(**at_least_one: int | None) -> None:
    """Check that the given options of a search are at least 1; ``None`` is allowed.

    Raises:
        DataError: an option is below 1.
    """
    for name, value in at_least_one.items():
        if value is not None and value < 1:
            raise DataError(f"search: {name} is {value}; it must be at least 1")

"""The number of speakers of a recording: known, bounded, or unknown."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from ..errors import DataError


class SpeakerCountWarning(UserWarning):
    """Fewer speakers were found than the required minimum."""


@dataclass(frozen=True)
class SpeakerCount:
    """Bounds on the number of speakers.

    Args:
        least: minimum number of speakers.
        most: maximum number of speakers; ``None`` for no upper bound.

    Raises:
        DataError: no number is within the bounds.
    """

    least: int = 1
    most: int | None = None

    def __post_init__(self) -> None:
        if self.least < 1 or (self.most is not None and self.most < self.least):
            raise DataError(
                f"speakers: at least {self.least} and at most {self.most} leaves no number from 1 up; change one of"
                " the bounds"
            )

    @classmethod
    def of(cls, known: int | None = None, least: int | None = None, most: int | None = None) -> SpeakerCount:
        """Bounds from a known number of speakers, or from a minimum and a maximum.

        Raises:
            DataError: a known number and bounds are given, or no number is within the bounds.
        """
        if known is not None:
            if least is not None or most is not None:
                raise DataError("speakers: give the known number or bounds, not both")
            return cls(known, known)
        return cls(1 if least is None else least, most)

    def nearest(self, count: int) -> int:
        """The number within the bounds that is nearest to ``count``."""
        count = max(count, self.least)
        return count if self.most is None else min(count, self.most)

    def check(self, found: int, voices: int, name: str = "diarization", *, strict: bool = False) -> None:
        """Warn if fewer speakers than the minimum were found. More than the maximum are never found.

        Args:
            found: number of speakers in the result.
            voices: number of embeddings that were clustered, one for each local speaker of each window.
            name: name of the recording.
            strict: raise an error instead of a warning.

        Raises:
            DataError: ``strict`` is set, and there are too few speakers.
        """
        asked = self.least > 1 or self.most is not None
        if not asked or found >= self.least:
            return
        wanted = f"{self.least} speakers were" if self.least > 1 else "1 speaker was"
        least = "" if self.least == self.most else "at least "
        why = f"the windows hold only {voices} voices" if voices < self.least else f"{voices} voices gave no more"
        text = (
            f"{name}: {least}{wanted} asked for and {found} found, because {why};"
            " ask for fewer, or take shorter steps or windows"
        )
        if strict:
            raise DataError(text)
        warnings.warn(text, SpeakerCountWarning, stacklevel=3)

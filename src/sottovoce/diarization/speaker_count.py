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
        minimum: minimum number of speakers.
        maximum: maximum number of speakers; ``None`` for no upper bound.

    Raises:
        DataError: no number is within the bounds.
    """

    minimum: int = 1
    maximum: int | None = None

    def __post_init__(self) -> None:
        if self.minimum < 1 or (self.maximum is not None and self.maximum < self.minimum):
            raise DataError(
                f"speakers: no number is at least {self.minimum}, at least 1, and at most {self.maximum}; change one of"
                " the bounds"
            )

    @classmethod
    def from_bounds(
        cls, known: int | None = None, minimum: int | None = None, maximum: int | None = None
    ) -> SpeakerCount:
        """Bounds from a known number of speakers, or from a minimum and a maximum.

        Raises:
            DataError: a known number and bounds are given, or no number is within the bounds.
        """
        if known is not None:
            if minimum is not None or maximum is not None:
                raise DataError("speakers: give the known number or bounds, not both")
            return cls(known, known)
        return cls(1 if minimum is None else minimum, maximum)

    def nearest(self, count: int) -> int:
        """The number within the bounds that is nearest to ``count``."""
        count = max(count, self.minimum)
        return count if self.maximum is None else min(count, self.maximum)

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
        asked = self.minimum > 1 or self.maximum is not None
        if not asked or found >= self.minimum:
            return
        wanted = f"{self.minimum} speakers were" if self.minimum > 1 else "1 speaker was"
        minimum = "" if self.minimum == self.maximum else "at least "
        why = f"the windows hold only {voices} voices" if voices < self.minimum else f"{voices} voices gave no more"
        text = (
            f"{name}: {minimum}{wanted} asked for and {found} found, because {why};"
            " ask for fewer, or take shorter steps or windows"
        )
        if strict:
            raise DataError(text)
        warnings.warn(text, SpeakerCountWarning, stacklevel=3)

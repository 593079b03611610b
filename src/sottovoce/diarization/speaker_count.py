"""How many speakers a recording may have: known, bounded, or found."""

from __future__ import annotations

from dataclasses import dataclass

from ..encoder.errors import DataError


@dataclass(frozen=True)
class SpeakerCount:
    """Bounds on the number of speakers.

    Args:
        least, most: of them; ``None`` for no upper bound.

    Raises:
        DataError: bounds that leave no number.
    """

    least: int = 1
    most: int | None = None

    def __post_init__(self) -> None:
        if self.least < 1 or (self.most is not None and self.most < self.least):
            raise DataError(f"speakers: at least {self.least} and at most {self.most} leaves no number from 1 up")

    @classmethod
    def of(cls, known: int | None = None, least: int | None = None, most: int | None = None) -> SpeakerCount:
        """From a known number, or bounds.

        Raises:
            DataError: both are given, or they leave no number.
        """
        if known is not None:
            if least is not None or most is not None:
                raise DataError("speakers: give the known number or bounds, not both")
            return cls(known, known)
        return cls(1 if least is None else least, most)

    def nearest(self, count: int) -> int:
        """``count`` brought into the bounds."""
        count = max(count, self.least)
        return count if self.most is None else min(count, self.most)

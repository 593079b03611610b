"""Types of values in recipes: numbers with bounds far beyond real use, and names that are used as file names."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from ..options.bounds import MOST_SECONDS

MOST_STEPS = 1_000_000_000
MOST_UTTERANCES = 65_536
"""Maximum number of utterances in a batch."""

MOST_AUDIO = 100_000.0
"""Maximum seconds of audio in a batch: 6.4 GB of samples alone."""

LONGEST_NAME = 100
"""Maximum bytes of a name: names derived from it, such as ``NAME-smoke-test``, must fit into the 255 bytes of a file name."""


def _one_length(crop: Any) -> Any:
    if not isinstance(crop, int | float) or isinstance(crop, bool):
        return crop
    if not 0 < crop <= MOST_SECONDS:
        raise ValueError(f"{crop:g} s; a length is more than 0 and at most {MOST_SECONDS:g} s")
    return (crop, crop)


def _rises(crop: tuple[float, float]) -> tuple[float, float]:
    if crop[0] > crop[1]:
        raise ValueError(
            f"the first length, {crop[0]:g}, is more than the second, {crop[1]:g}; write [{crop[1]:g}, {crop[0]:g}]"
        )
    return crop


Length = Annotated[float, Field(gt=0, le=MOST_SECONDS)]
"""Seconds of audio that are processed at once."""

Crop = Annotated[tuple[Length, Length], BeforeValidator(_one_length), AfterValidator(_rises)]
"""Seconds, or a range of them."""


def _file_name(name: str) -> str:
    size = len(name.encode())
    if not name.isprintable() or set(name) & set("/\\") or name[:1] in ("", ".", "-", " ") or name[-1] in ". ":
        raise ValueError(
            f"{name[:60]!r} cannot be the name of a file here; take one without '/' and '\\' that begins with a letter or"
            " digit"
        )
    if size > LONGEST_NAME:
        raise ValueError(f"a name of {size} bytes, starting with {name[:20]!r}; {LONGEST_NAME} at most")
    return name


FileName = Annotated[str, AfterValidator(_file_name)]
"""A name that is used as a file name: a single part of a path."""

"""The hint for a word that is not known, in the one wording of the whole package."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 30
"""Most words that are listed; the others are only counted."""


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The known word that is most like ``word``; ``None`` if no word reaches the ``likeness`` (0..1, as in `difflib`)."""
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=likeness)), None)


def did_you_mean(word: str, known: Iterable[str], *, listed: Iterable[str] | None = None) -> str:
    """The remedy for an unknown word: the nearest known one, or all of them where none is near.

    >>> did_you_mean("lenghts", ["waveform", "lengths"])
    "did you mean 'lengths'?"
    >>> did_you_mean("bananas", ["waveform", "lengths"])
    'known here: lengths, waveform'

    Args:
        word: The unknown word.
        known: The words that may stand in its place.
        listed: The words to list where none is near; by default ``known``.
    """
    known = list(known)
    if near := nearest(word, known):
        return f"did you mean {near!r}?"
    words = sorted(known if listed is None else listed)
    if not words:
        return "nothing is allowed here"
    more = f" and {len(words) - MOST} more" if len(words) > MOST else ""
    return f"known here: {', '.join(words[:MOST])}{more}"

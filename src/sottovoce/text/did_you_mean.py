"""A hint for a word that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 16
"""Words that are listed."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` where a known word is near; else ``known are a, b, c``.

    >>> did_you_mean("lenghts", ["waveform", "lengths"])
    "did you mean 'lengths'?"
    """
    known = list(known)
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known are {', '.join(known[:MOST])}" + (f" and {len(known) - MOST} more" if len(known) > MOST else "")

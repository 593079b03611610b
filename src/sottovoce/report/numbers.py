"""Numbers as people read them."""

from __future__ import annotations

from sottovoce.pruning.cost import human


def octets(size: float | None) -> str:
    """A size in bytes, by powers of ten; None is a dash.

    >>> octets(75_520_000), octets(None)
    ('75.52 MB', '–')
    """
    if size is None:
        return "–"
    number = human(size)
    return f"{number}B" if number[-1].isalpha() else f"{number} B"


def percent(fraction: float, digits: int = 1) -> str:
    """``0.2`` is ``20.0 %``."""
    return f"{100 * fraction:.{digits}f} %"

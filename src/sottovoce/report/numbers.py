"""Numbers as people read them."""

from __future__ import annotations

from sottovoce.pruning.costs import human

METRICS = {
    "der": ("DER", True),
    "eer": ("EER", True),
    "min_dcf": ("minDCF", False),
    "act_dcf": ("actDCF", False),
    "cllr": ("Cllr", False),
    "wer": ("WER", True),
    "cer": ("CER", True),
    "exact_match": ("exact match", True),
    "intent_accuracy": ("intent accuracy", True),
    "slot_accuracy": ("slot accuracy", True),
    "slot_f1": ("slot F1", True),
    "slu_f1": ("SLU-F1", True),
}
"""Key of a task's number -> how it is called, and whether it is shown in percent."""


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


LESS, FEWER, FASTER = ("less", "more", "as much"), ("fewer", "more", "as many"), ("faster", "slower", "as fast")
"""What a ratio above 1 is called, one below, and one of 1."""


def times(ratio: float, words: tuple[str, str, str] = LESS, digits: int = 1) -> tuple[str, str]:
    """A ratio as a number that is never below 1 and its word.

    >>> times(2.04), times(0.5), times(1.02), times(0.9, FASTER)
    (('2.0×', 'less'), ('2.0×', 'more'), ('1.0×', 'as much'), ('1.1×', 'slower'))
    """
    number = f"{max(ratio, 1 / ratio):.{digits}f}"
    if float(number) == 1:
        return f"{number}×", words[2]
    return f"{number}×", words[0 if ratio > 1 else 1]


def compared(then: float | None, now: float | None, words: tuple[str, str, str] = LESS) -> str:
    """How ``now`` compares with ``then``; nothing where one of them is not known or 0.

    >>> compared(100, 50), compared(90, 100), compared(100, 101), compared(None, 1)
    ('2.0× less', '1.1× more', 'as much', '')
    """
    return worded(then / now, words) if then and now else ""


def worded(ratio: float, words: tuple[str, str, str] = LESS) -> str:
    """A ratio in words: ``2.0× faster``, ``1.3× slower``, ``as fast``."""
    number, word = times(ratio, words)
    return word if word == words[2] else f"{number} {word}"


def ranged(middle: float, low: float, high: float, words: tuple[str, str, str] = FASTER) -> str:
    """A ratio with its range, all in the sense of the middle one.

    >>> ranged(2.0, 1.9, 2.1), ranged(0.5, 0.4, 0.625)
    ('2.00× faster (1.90–2.10)', '2.00× slower (1.60–2.50)')
    """
    if middle < 1:
        low, high = 1 / high, 1 / low
    number, word = times(middle, words, 2)
    return f"{number} {word} ({low:.2f}–{high:.2f})"


def removed(now: float, before: float) -> tuple[str, str]:
    """How much has gone, in percent, or come.

    >>> removed(20, 100), removed(110, 100)
    (('80.0 %', 'removed'), ('10.0 %', 'added'))
    """
    return percent(abs(1 - now / before)), "removed" if now <= before else "added"


def duration(seconds: float, batch: int = 1) -> str:
    """What multiply-accumulates are counted for: ``8 s``, ``4 × 8 s``."""
    return f"{seconds:g} s" if batch == 1 else f"{batch} × {seconds:g} s"

"""Numbers as people read them."""

from __future__ import annotations

from sottovoce.pruning.cost import human

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

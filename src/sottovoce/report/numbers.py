"""Numbers as text: sizes, ratios, intervals, and the conditions of a measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..pruning.costs import human
from ..quantities import Seconds
from .report_data import Estimate

if TYPE_CHECKING:
    from ..profiling.benchmark import Benchmark

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
"""The name of each metric by its key, and whether it is shown in percent."""


def byte_size(size: float | None) -> str:
    """A size in bytes with a decimal prefix; ``None`` is a dash.

    >>> byte_size(75_520_000), byte_size(None)
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
"""Words for a ratio above 1, below 1 and of 1."""


def ratio_and_word(ratio: float, words: tuple[str, str, str] = LESS, digits: int = 1) -> tuple[str, str]:
    """A ratio as a number that is at least 1, and the word for its direction.

    >>> ratio_and_word(2.04), ratio_and_word(0.5), ratio_and_word(1.02), ratio_and_word(0.9, FASTER)
    (('2.0×', 'less'), ('2.0×', 'more'), ('1.0×', 'as much'), ('1.1×', 'slower'))
    """
    number = f"{max(ratio, 1 / ratio):.{digits}f}"
    if float(number) == 1:
        return f"{number}×", words[2]
    return f"{number}×", words[0 if ratio > 1 else 1]


def comparison(then: float | None, now: float | None, words: tuple[str, str, str] = LESS) -> str:
    """How ``now`` compares with ``then``, in words; empty if one of them is ``None`` or 0.

    >>> comparison(100, 50), comparison(90, 100), comparison(100, 101), comparison(None, 1)
    ('2.0× less', '1.1× more', 'as much', '')
    """
    return ratio_text(then / now, words) if then and now else ""


def ratio_text(ratio: float, words: tuple[str, str, str] = LESS) -> str:
    """A ratio in words: ``2.0× faster``, ``1.3× slower``, ``as fast``."""
    number, word = ratio_and_word(ratio, words)
    return word if word == words[2] else f"{number} {word}"


def ratio_range(middle: float, low: float, high: float, words: tuple[str, str, str] = FASTER) -> str:
    """A ratio with its range, all in the direction of the middle value.

    >>> ratio_range(2.0, 1.9, 2.1), ratio_range(0.5, 0.4, 0.625)
    ('2.00× faster (1.90–2.10)', '2.00× slower (1.60–2.50)')
    """
    if middle < 1:
        low, high = 1 / high, 1 / low
    number, word = ratio_and_word(middle, words, 2)
    return f"{number} {word} ({low:.2f}–{high:.2f})"


def share_removed(now: float, before: float) -> tuple[str, str]:
    """The percentage that was removed or added, and which of the two.

    >>> share_removed(20, 100), share_removed(110, 100)
    (('80.0 %', 'removed'), ('10.0 %', 'added'))
    """
    return percent(abs(1 - now / before)), "removed" if now <= before else "added"


def duration(seconds: Seconds, batch: int = 1) -> str:
    """The duration that multiply-accumulates are counted for: ``8 s``, ``4 × 8 s``."""
    return f"{seconds:g} s" if batch == 1 else f"{batch} × {seconds:g} s"


def estimate_text(estimate: Estimate | None, is_rate: bool) -> str:
    """A value with its interval, a rate in percent; ``None`` is a dash."""
    if estimate is None:
        return "–"
    scale, digits, sign = (100, 2, " %") if is_rate else (1, 3, "")
    text = f"{scale * estimate.value:.{digits}f}{sign}"
    if estimate.low is not None and estimate.high is not None:
        text += f" [{scale * estimate.low:.{digits}f}, {scale * estimate.high:.{digits}f}]"
    return text


def conditions(benchmark: Benchmark) -> str:
    """The conditions of a measurement in one line: duration, batch, precision, hardware and versions."""
    setting, where = benchmark.setting, benchmark.environment
    threads = f"{where['threads']} thread{'s' if where['threads'] != '1' else ''}"
    hardware = where.get("accelerator") or f"{where['processor']}, {threads}"
    return (
        f"{setting.seconds:g} s, batch {setting.batch}, {setting.dtype}, {hardware}, "
        f"{setting.repeats} alternating rounds, torch {where['torch']}, transformers {where['transformers']}"
    )

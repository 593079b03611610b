"""Transcripts of cuts, and their normalization, which is the same for training and for scoring."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import DataError
from ..metrics.recognition import TextNormalizer

if TYPE_CHECKING:
    from lhotse.cut import Cut

ALPHABET = "abcdefghijklmnopqrstuvwxyz'"


def spelling(alphabet: str = ALPHABET, *, lower: bool = True) -> TextNormalizer:
    """A normalizer that keeps only the characters of an alphabet. All other characters separate words.

    Before that, texts are brought to Unicode's composed form (NFKC), and typographic apostrophes become plain ones.

    Args:
        alphabet: characters that are kept, besides the space.
        lower: whether to convert everything to lower case first.

    >>> spelling().apply("Don\u2019t STOP \u2013 twenty-one!")
    "don't stop twenty one"
    """
    kept = frozenset(alphabet) - {" "}
    letters = "a-z and '" if kept == frozenset(ALPHABET) else f"{''.join(sorted(kept))!r}"

    def apply(text: str) -> str:
        text = _plain(text, lower)
        return " ".join("".join(character if character in kept else " " for character in text).split())

    return TextNormalizer(f"{'lower case, ' * lower}only {letters}", apply)


def _plain(text: str, lower: bool) -> str:
    text = unicodedata.normalize("NFKC", text).replace("\u2019", "'")
    return text.lower() if lower else text


def cut_text(cut: Cut) -> str:
    """The unnormalized transcript of a cut: the texts of its supervisions in order of time; empty if there is none."""
    ordered = sorted(cut.supervisions, key=lambda supervision: supervision.start)
    return " ".join(supervision.text for supervision in ordered if supervision.text)


def transcript(cut: Cut, normalizer: TextNormalizer) -> str:
    """The normalized text of a cut.

    Raises:
        DataError: the text is missing, or empty after normalization.
    """
    text = cut_text(cut)
    if not text.strip():
        raise DataError(f"cut {cut.id}: has no transcript; give it one or leave it out")
    if not (written := normalizer.apply(text)):
        raise DataError(
            f"cut {cut.id}: nothing of its transcript {text[:60]!r} is left ({normalizer.name}); widen the alphabet or"
            " leave it out"
        )
    return written


def warn_lost_characters(cuts: Sequence[Cut], alphabet: str, *, lower: bool) -> None:
    """Warn of letters and digits in transcripts that an alphabet lacks, because they split the words that they are in."""
    lost: dict[str, str] = {}
    for cut in cuts:
        for character in _plain(cut_text(cut), lower):
            if character not in alphabet and unicodedata.category(character)[0] in "LN":
                lost.setdefault(character, cut.id)
    if lost:
        first = next(iter(lost))
        listed = " ".join(sorted(lost)[:20]) + (" ..." if len(lost) > 20 else "")
        warnings.warn(
            f"recognition: transcripts have {listed}, which the alphabet lacks, so it is left out ({first!r} first in cut"
            f" {lost[first]}); spell it or widen the alphabet",
            stacklevel=2,
        )

"""A language model and the labels of a recognizer, compared once: which of its words the labels can spell, and how.

    labels          words of the model            taken as
    ' ' a b c       the  cat  sat                 words, spelled by labels
    ' ' a b c       a  b  c  |                    characters; ``|`` is its mark for the blank between words
    ▁ a ▁the c      ▁the  c  a                    pieces, the labels themselves
    ▁ a ▁the c      a  c  t  h  e  <space>        characters, several to a label

What differs in case alone is the same where the labels, or the words of the model, know one case only.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

from ..errors import DataError
from .language_model import BOUNDARIES, LanguageModel, TokenModel, WordModel
from .ngram import BEGIN, END, UNKNOWNS, NGram

WORD_MARKS = ("|", "\u2581", "<space>", "<SPACE>", "[space]", "[SPACE]", "<sp>", "\u2423", "_")
"""What models over characters have for the blank between words, which an ARPA file cannot hold."""

FEW, MOST = 0.1, 0.9
"""Below the first share of words (or labels) that match, a model is refused; below the second a line says so."""


class LanguageModelWarning(UserWarning):
    """A language model fits the labels of a recognizer in part only, or not as it is written."""


def match_language_model(ngram: NGram, labels: Sequence[str]) -> LanguageModel:
    """An n-gram model for a search over ``labels[V]``, the blank of CTC first.

    Raises:
        DataError: it has no words, or hardly any that the labels can spell.
    """
    words = {gram[0] for gram in ngram.probabilities if len(gram) == 1} - {BEGIN, END, *UNKNOWNS}
    if not words:
        raise DataError(f"{ngram.name}: the language model has no words; give another one")
    spoken = [label for label in labels[1:] if not _special(label)]
    known = WordLookup(ngram, words, spoken)
    mark = next((each for each in WORD_MARKS if each in words and each not in spoken), None)
    letters = words - {mark}
    characters = all(len(each) == 1 or _special(each) for each in letters)
    same = sum(known.text(each) is not None for each in _folded(spoken, letters, known))
    if characters or same >= MOST * len(letters):
        return _token_model(ngram, labels, spoken, known, mark, characters)
    return _word_model(ngram, labels, spoken, words, known)


class WordLookup:
    """The words of a model by how they are spelled, in any case where case says nothing.

    Args:
        ngram: of the words.
        words: of the model.
        labels: that spell words.
    """

    def __init__(self, ngram: NGram, words: set[str], labels: Sequence[str]):
        self.words = words
        self.cases = _cases(labels), _cases(words)
        self.folds = min(map(len, self.cases)) == 1 and self.cases[0] != self.cases[1]
        self.by_fold: dict[str, str] = {}
        self.doubtful = 0  # words that another one differs from in case alone
        if self.folds:
            for word in sorted(words, key=lambda each: (-ngram.probabilities[each,], each)):
                self.doubtful += self.by_fold.setdefault(word.lower(), word) != word

    def text(self, spelled: str) -> str | None:
        """The word of the model that is spelled so; the likeliest one if several differ in case alone."""
        return spelled if spelled in self.words else self.by_fold.get(spelled.lower())

    def note(self) -> str:
        """How case was dealt with, or nothing."""
        if not self.folds or not any(word.lower() != word.upper() for word in self.words):
            return ""
        said = f"its words are in {_named(self.cases[1])} and the labels in {_named(self.cases[0])}, so case is ignored"
        return said + f" ({self.doubtful} that differ from another in case alone are left out)" * bool(self.doubtful)


def _token_model(
    ngram: NGram, labels: Sequence[str], spoken: Sequence[str], known: WordLookup, mark: str | None, characters: bool
) -> LanguageModel:
    """Of a model over labels or characters."""

    def spelled(label: str) -> tuple[str, ...]:
        whole = known.text(label)
        if whole is not None:
            return (whole,)
        if not characters or _special(label):
            return (ngram.unknown_word,)
        return tuple(
            each
            for c in label
            for each in ([mark] if c in BOUNDARIES else [known.text(c) or ngram.unknown_word])
            if each
        )

    of_label = [(), *map(spelled, labels[1:])]
    units = sorted({c for label in spoken for c in label}) if characters else list(spoken)
    units = [unit for unit in units if unit not in BOUNDARIES]
    lacking = [unit for unit in units if known.text(unit) is None]
    kind = "characters" if characters else "labels"
    _tell(ngram, known, len(units), lacking, f"of the {len(units)} {kind} of the model", "are among its words")
    boundary = next((c for label in spoken for c in label if c in BOUNDARIES), None)
    if characters and boundary is not None and mark is None and known.text(boundary) is None:
        _warn(
            ngram,
            f"has no mark for the blank between words (such as {WORD_MARKS[0]} or {WORD_MARKS[2]}), so blanks are not"
            " scored and words not told apart",
        )
    # A model whose sentences do not begin with the mark does not mind one before the first word.
    leading = (mark or boundary) if characters else None
    skipped = leading if leading and (BEGIN, leading) not in ngram.probabilities else None
    return TokenModel(ngram, of_label, skipped)


def _word_model(
    ngram: NGram, labels: Sequence[str], spoken: Sequence[str], words: set[str], known: WordLookup
) -> LanguageModel:
    """Of a model over words."""
    letters = {c for label in spoken for c in label} - set(BOUNDARIES)
    if known.folds:
        letters = {c.lower() for c in letters}
    lacking = sorted(word for word in words if not letters.issuperset(word.lower() if known.folds else word))
    _tell(
        ngram, known, len(words), lacking, f"of its {len(words)} words", "can be spelled with the labels of the model"
    )
    if not any(c in BOUNDARIES for label in spoken for c in label):
        _warn(ngram, "is over words, but no label of the model parts words, so an utterance counts as one word")
    return WordModel(ngram, labels, known.text)


def _tell(ngram: NGram, known: WordLookup, count: int, lacking: Sequence[str], of: str, can: str) -> None:
    """One line where case is folded or not all fits, and an error where hardly anything does."""
    share = 1 - len(lacking) / max(count, 1)
    matched = f"{of} only {count - len(lacking)} {can}"
    if share < FEW:
        raise DataError(
            f"{ngram.name}: the language model does not fit: {matched}; {lacking[0]!r} is not one. Give one that is made"
            " of texts as the model writes them"
        )
    parts = [known.note()] if known.note() else []
    if share < MOST:
        parts.append(f"{matched} (not {', '.join(map(repr, lacking[:3]))}{', ...' * (len(lacking) > 3)})")
    if parts:
        _warn(ngram, "; ".join(parts))


def _warn(ngram: NGram, text: str) -> None:
    warnings.warn(f"{ngram.name}: the language model: {text}", LanguageModelWarning, stacklevel=2)


def _folded(labels: Sequence[str], letters: set[str], known: WordLookup) -> Iterable[str]:
    """Words of the model that are labels."""
    if known.folds:
        own = {label.lower() for label in labels}
        return [word for word in letters if word.lower() in own]
    return letters & set(labels)


def _special(text: str) -> bool:
    """A name such as ``<s>`` or ``[UNK]``, which nobody says."""
    return len(text) > 2 and (text[0], text[-1]) in {("<", ">"), ("[", "]")}


def _cases(texts: Iterable[str]) -> frozenset[str]:
    """Which cases letters are in: a set of ``upper`` and ``lower``."""
    letters = {c for text in texts if not _special(text) for c in text if c.lower() != c.upper()}
    return frozenset("upper" if c.isupper() else "lower" for c in letters)


def _named(cases: frozenset[str]) -> str:
    return f"{next(iter(cases))} case" if len(cases) == 1 else "both cases" if cases else "no case"

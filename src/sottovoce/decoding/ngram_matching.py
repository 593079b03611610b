"""Matching of an n-gram language model to the labels of a recognizer: which words the labels can spell, and how.

    labels          words of the model            taken as
    ' ' a b c       the  cat  sat                 words, spelled by labels
    ' ' a b c       a  b  c  |                    characters; ``|`` marks the blank between words
    ▁ a ▁the c      ▁the  c  a                    pieces, the labels themselves
    ▁ a ▁the c      a  c  t  h  e  <space>        characters, several to a label

Case is ignored if the labels or the words of the model have only one case.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

from ..errors import DataError
from .language_model import BOUNDARIES, LanguageModel, TokenModel, WordModel
from .ngram import BEGIN, END, UNKNOWNS, NGram

WORD_MARKS = ("|", "\u2581", "<space>", "<SPACE>", "[space]", "[SPACE]", "<sp>", "\u2423", "_")
"""Marks for the blank between words in models over characters; an ARPA file cannot contain the blank itself."""

FEW, MOST = 0.1, 0.9
"""If a smaller share of words (or labels) than the first matches, the model is refused; below the second, a warning."""


class LanguageModelWarning(UserWarning):
    """A language model matches the labels of a recognizer only in part, or only without regard to case."""


def match_language_model(ngram: NGram, labels: Sequence[str]) -> LanguageModel:
    """The language model of a search over ``labels[V]``, whose first is the blank, from an n-gram.

    Raises:
        DataError: the n-gram has no words, or hardly any that the labels can spell.
    """
    words = {gram[0] for gram in ngram.probabilities if len(gram) == 1} - {BEGIN, END, *UNKNOWNS}
    if not words:
        raise DataError(f"{ngram.name}: the language model has no words; give another one")
    spoken = [label for label in labels[1:] if not _special(label)]
    known = WordLookup(ngram, words, spoken)
    mark = next((each for each in WORD_MARKS if each in words and each not in spoken), None)
    letters = words - {mark}
    characters = all(len(each) == 1 or _special(each) for each in letters)
    same = sum(known.text(each) is not None for each in _shared_words(spoken, letters, known))
    if characters or same >= MOST * len(letters):
        return _token_model(ngram, labels, spoken, known, mark, characters)
    return _word_model(ngram, labels, spoken, words, known)


class WordLookup:
    """Look-up of the words of an n-gram by their spelling, which ignores case if case has no meaning.

    Args:
        ngram: the n-gram.
        words: the words of the n-gram.
        labels: the labels that spell words.
    """

    def __init__(self, ngram: NGram, words: set[str], labels: Sequence[str]):
        self.words = words
        self.cases = _cases(labels), _cases(words)
        self.folds = min(map(len, self.cases)) == 1 and self.cases[0] != self.cases[1]
        self.by_fold: dict[str, str] = {}
        self.doubtful = 0  # number of words that differ only in case from a likelier word
        if self.folds:
            for word in sorted(words, key=lambda each: (-ngram.probabilities[each,], each)):
                self.doubtful += self.by_fold.setdefault(word.lower(), word) != word

    def text(self, spelled: str) -> str | None:
        """The word of the n-gram with this spelling; the likeliest one if several differ only in case."""
        return spelled if spelled in self.words else self.by_fold.get(spelled.lower())

    def note(self) -> str:
        """The part of the warning about case; empty if there is nothing to say."""
        if not self.folds or not any(word.lower() != word.upper() for word in self.words):
            return ""
        text = f"its words are in {_case_name(self.cases[1])} and the labels in {_case_name(self.cases[0])}, so case is ignored"
        return text + f" ({self.doubtful} that differ from another in case alone are left out)" * bool(self.doubtful)


def _token_model(
    ngram: NGram, labels: Sequence[str], spoken: Sequence[str], known: WordLookup, mark: str | None, characters: bool
) -> LanguageModel:
    """The language model for an n-gram over labels or characters."""

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
    _report_match(ngram, known, len(units), lacking, f"of the {len(units)} {kind} of the model", "are among its words")
    boundary = next((c for label in spoken for c in label if c in BOUNDARIES), None)
    if characters and boundary is not None and mark is None and known.text(boundary) is None:
        _warn(
            ngram,
            f"has no mark for the blank between words (such as {WORD_MARKS[0]} or {WORD_MARKS[2]}), so blanks are not"
            " scored and words not told apart",
        )
    # If sentences of the n-gram do not begin with the mark, a mark before the first word is not scored.
    leading = (mark or boundary) if characters else None
    skipped = leading if leading and (BEGIN, leading) not in ngram.probabilities else None
    return TokenModel(ngram, of_label, skipped)


def _word_model(
    ngram: NGram, labels: Sequence[str], spoken: Sequence[str], words: set[str], known: WordLookup
) -> LanguageModel:
    """The language model for an n-gram over words."""
    letters = {c for label in spoken for c in label} - set(BOUNDARIES)
    if known.folds:
        letters = {c.lower() for c in letters}
    lacking = sorted(word for word in words if not letters.issuperset(word.lower() if known.folds else word))
    _report_match(
        ngram, known, len(words), lacking, f"of its {len(words)} words", "can be spelled with the labels of the model"
    )
    if not any(c in BOUNDARIES for label in spoken for c in label):
        _warn(ngram, "is over words, but no label of the model parts words, so an utterance counts as one word")
    return WordModel(ngram, labels, known.text)


def _report_match(ngram: NGram, known: WordLookup, count: int, lacking: Sequence[str], of: str, can: str) -> None:
    """Warn if case is ignored or only a part matches; raise an error if hardly anything matches."""
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


def _shared_words(labels: Sequence[str], letters: set[str], known: WordLookup) -> Iterable[str]:
    """The words of the n-gram that are labels."""
    if known.folds:
        own = {label.lower() for label in labels}
        return [word for word in letters if word.lower() in own]
    return letters & set(labels)


def _special(text: str) -> bool:
    """Whether a label is a special token such as ``<s>`` or ``[UNK]``, which is never spoken."""
    return len(text) > 2 and (text[0], text[-1]) in {("<", ">"), ("[", "]")}


def _cases(texts: Iterable[str]) -> frozenset[str]:
    """The cases that occur in the letters: a subset of ``upper`` and ``lower``."""
    letters = {c for text in texts if not _special(text) for c in text if c.lower() != c.upper()}
    return frozenset("upper" if c.isupper() else "lower" for c in letters)


def _case_name(cases: frozenset[str]) -> str:
    return f"{next(iter(cases))} case" if len(cases) == 1 else "both cases" if cases else "no case"

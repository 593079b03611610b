"""What a language model adds to a search that goes label by label: over the labels themselves, or over words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .ngram import BEGIN, END, NGram

State = Any
"""All that a model remembers of a prefix; hashable, equal for prefixes with the same future."""

BOUNDARIES = " \u2581"
"""Characters at which a word ends: the blank of a character vocabulary, and SentencePiece's mark."""


class LanguageModel(Protocol):
    """Scores a prefix as it grows. Scores are natural log-probabilities."""

    def start(self) -> State:
        """Before the first label."""

    def step(self, state: State, token: int) -> tuple[State, float]:
        """After one more label, and what it adds."""

    def finish(self, state: State) -> float:
        """What the end adds."""


class TokenModel:
    """An n-gram over labels: characters or BPE pieces.

    Args:
        ngram: of tokens.
        tokens: ``[V]`` tokens that spell each output, mostly one; those of the blank are never looked at.
        skipped: a token that is not scored before any other: the mark that begins the first word.
    """

    def __init__(self, ngram: NGram, tokens: Sequence[Sequence[str]], skipped: str | None = None):
        self.ngram, self.tokens, self.skipped = ngram, tokens, skipped

    def start(self) -> State:
        return self.ngram.context((BEGIN,)), False

    def step(self, state: State, token: int) -> tuple[State, float]:
        context, begun = state
        added = 0.0
        for word in self.tokens[token]:
            if begun or word != self.skipped:
                added += self.ngram.score(context, word)
                context, begun = self.ngram.context((*context, word)), True
        return (context, begun), added

    def finish(self, state: State) -> float:
        return self.ngram.score(state[0], END)


class WordModel:
    """An n-gram over words that are spelled by labels: a word counts when a boundary ends it.

    Args:
        ngram: of words.
        vocabulary: ``[V]`` text of each output. A word ends where a piece has a blank or ``▁``, and at the end.
        known: the word of the n-gram that is spelled so, ``None`` for none; by default itself.
    """

    def __init__(self, ngram: NGram, vocabulary: Sequence[str], known: Callable[[str], str | None] | None = None):
        self.ngram, self.vocabulary = ngram, vocabulary
        self._known = known or (lambda word: word)

    def start(self) -> State:
        return self.ngram.context((BEGIN,)), ""

    def step(self, state: State, token: int) -> tuple[State, float]:
        context, word = state
        added = 0.0
        for character in self.vocabulary[token]:
            if character not in BOUNDARIES:
                word += character
            elif word:
                said = self._said(word)
                added += self.ngram.score(context, said)
                context, word = self.ngram.context((*context, said)), ""
        return (context, word), added

    def finish(self, state: State) -> float:
        context, word = state
        if not word:
            return self.ngram.score(context, END)
        said = self._said(word)
        return self.ngram.score(context, said) + self.ngram.score((*context, said), END)

    def _said(self, word: str) -> str:
        return self._known(word) or self.ngram.unknown_word

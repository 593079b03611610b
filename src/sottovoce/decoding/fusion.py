"""What a language model adds to a search that goes label by label: over the labels themselves, or over words."""

from __future__ import annotations

from collections.abc import Sequence
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
        ngram: its words are entries of the vocabulary.
        vocabulary: ``[V]`` text of each output; that of the blank is never looked at.
    """

    def __init__(self, ngram: NGram, vocabulary: Sequence[str]):
        self.ngram, self.vocabulary = ngram, vocabulary

    def start(self) -> State:
        return self.ngram.context((BEGIN,))

    def step(self, state: State, token: int) -> tuple[State, float]:
        word = self.vocabulary[token]
        return self.ngram.context((*state, word)), self.ngram.score(state, word)

    def finish(self, state: State) -> float:
        return self.ngram.score(state, END)


class WordModel:
    """An n-gram over words that are spelled by labels: a word counts when a boundary ends it.

    Args:
        ngram: of words.
        vocabulary: ``[V]`` text of each output. A word ends where a piece has a blank or ``▁``, and at the end.
    """

    def __init__(self, ngram: NGram, vocabulary: Sequence[str]):
        self.ngram, self.vocabulary = ngram, vocabulary

    def start(self) -> State:
        return self.ngram.context((BEGIN,)), ""

    def step(self, state: State, token: int) -> tuple[State, float]:
        context, word = state
        added = 0.0
        for character in self.vocabulary[token]:
            if character not in BOUNDARIES:
                word += character
            elif word:
                added += self.ngram.score(context, word)
                context, word = self.ngram.context((*context, word)), ""
        return (context, word), added

    def finish(self, state: State) -> float:
        context, word = state
        if not word:
            return self.ngram.score(context, END)
        return self.ngram.score(context, word) + self.ngram.score((*context, word), END)

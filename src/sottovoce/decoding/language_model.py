"""Language models in a search that extends prefixes label by label: n-grams over the labels, or over words (shallow fusion)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, TypeAlias, TypeVar

from .ngram import BEGIN, END, NGram

State = TypeVar("State", bound=Hashable)
"""The state of a language model after a prefix; equal for prefixes with the same future scores."""

BOUNDARIES = " \u2581"
"""Characters at which a word ends: the blank of a character vocabulary, and SentencePiece's mark."""


class LanguageModel(Protocol[State]):
    """Scores a prefix as it grows. Scores are natural log-probabilities."""

    def start(self) -> State:
        """The state before the first label."""

    def step(self, state: State, token: int) -> tuple[State, float]:
        """The state after one more label, and the score of that label."""

    def finish(self, state: State) -> float:
        """The score of the end of the utterance."""


TokenState: TypeAlias = tuple[tuple[str, ...], bool]
"""The last labels, and whether one has been scored."""


class TokenModel:
    """An n-gram over labels: characters or BPE pieces.

    Args:
        ngram: the n-gram over tokens.
        tokens: ``[V]`` the tokens of each output, usually one; those of the blank are not used.
        skipped: a token that is not scored at the beginning of the utterance, such as the mark of a word beginning.
    """

    def __init__(self, ngram: NGram, tokens: Sequence[Sequence[str]], skipped: str | None = None):
        self.ngram, self.tokens, self.skipped = ngram, tokens, skipped

    def start(self) -> TokenState:
        return self.ngram.context((BEGIN,)), False

    def step(self, state: TokenState, token: int) -> tuple[TokenState, float]:
        context, begun = state
        added = 0.0
        for word in self.tokens[token]:
            if begun or word != self.skipped:
                added += self.ngram.score(context, word)
                context, begun = self.ngram.context((*context, word)), True
        return (context, begun), added

    def finish(self, state: TokenState) -> float:
        return self.ngram.score(state[0], END)


WordState: TypeAlias = tuple[tuple[str, ...], str]
"""The last words, and the beginning of the next one."""


class WordModel:
    """An n-gram over words that are spelled by labels; a word is scored at the boundary that ends it.

    Args:
        ngram: the n-gram over words.
        vocabulary: ``[V]`` text of each output. A word ends at a blank or ``▁`` in the text, and at the end.
        known: function from a spelled word to the word of the n-gram (``None`` if it is unknown); by default the identity.
    """

    def __init__(self, ngram: NGram, vocabulary: Sequence[str], known: Callable[[str], str | None] | None = None):
        self.ngram, self.vocabulary = ngram, vocabulary
        self._known = known or (lambda word: word)

    def start(self) -> WordState:
        return self.ngram.context((BEGIN,)), ""

    def step(self, state: WordState, token: int) -> tuple[WordState, float]:
        context, word = state
        added = 0.0
        for character in self.vocabulary[token]:
            if character not in BOUNDARIES:
                word += character
            elif word:
                known_word = self._ngram_word(word)
                added += self.ngram.score(context, known_word)
                context, word = self.ngram.context((*context, known_word)), ""
        return (context, word), added

    def finish(self, state: WordState) -> float:
        context, word = state
        if not word:
            return self.ngram.score(context, END)
        known_word = self._ngram_word(word)
        return self.ngram.score(context, known_word) + self.ngram.score((*context, known_word), END)

    def _ngram_word(self, word: str) -> str:
        return self._known(word) or self.ngram.unknown_word

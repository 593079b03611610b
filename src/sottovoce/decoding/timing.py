"""When labels and words were said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .vocabulary import Vocabulary


@dataclass(frozen=True)
class TimedLabel:
    """A label and the frames of the model's output that say it, the last one included."""

    label: int
    first: int
    last: int


@dataclass(frozen=True)
class Word:
    """A word and when it was said: from the beginning of the first frame that says one of its labels to the end of the
    last. CTC and transducers are not trained to say a word when it sounds: expect them to be late by a tenth of a second
    or so, and short.

    Args:
        text: of the word.
        start, end: in seconds.
    """

    text: str
    start: float
    end: float


class WordBuilder:
    """Words out of labels that come bit by bit.

    Args:
        vocabulary: of the labels. A word ends where the text of a label has a space.
        step: seconds of a frame.
    """

    def __init__(self, vocabulary: Vocabulary, step: float):
        self.vocabulary, self.step = vocabulary, step
        self._text, self._first, self._last = "", 0, 0

    @property
    def begun(self) -> str:
        """The word that has no end yet."""
        return self._text

    def push(self, labels: Iterable[TimedLabel]) -> list[Word]:
        """Words that are complete now."""
        words = []
        for each in labels:
            for character in self.vocabulary.spelling.texts[each.label]:
                if character.isspace():
                    words += self.finish()
                    continue
                if not self._text:
                    self._first = each.first
                self._text, self._last = self._text + character, each.last
        return words

    def finish(self) -> list[Word]:
        """The word that was begun, if one was."""
        word = Word(self._text, round(self._first * self.step, 3), round((self._last + 1) * self.step, 3))
        text, self._text = self._text, ""
        return [word] if text else []


def words_of(labels: Iterable[TimedLabel], vocabulary: Vocabulary, step: float) -> list[Word]:
    """All words of an utterance; arguments are those of `WordBuilder`."""
    builder = WordBuilder(vocabulary, step)
    return builder.push(labels) + builder.finish()


def ctm(file: str, words: Iterable[Word]) -> list[str]:
    """Lines of a CTM file (NIST SCTK): recording, channel, onset, duration, word."""
    return [f"{file} 1 {word.start:.3f} {word.end - word.start:.3f} {word.text}" for word in words]

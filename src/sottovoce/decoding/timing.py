"""The times of labels and words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .vocabulary import Vocabulary


@dataclass(frozen=True)
class TimedLabel:
    """A label, and the first and last frame of the model's output in which it appears."""

    label: int
    first: int
    last: int


@dataclass(frozen=True)
class Word:
    """A word and its time, from the start of the first frame with one of its labels to the end of the last.

    CTC and transducers are not trained to align labels: words are often about 0.1 s late, and too short.

    Args:
        text: the word.
        start, end: times in seconds.
    """

    text: str
    start: float
    end: float


class WordBuilder:
    """Joins labels, as they arrive, into words.

    Args:
        vocabulary: vocabulary of the labels. A word ends at a space in the text of a label.
        step: seconds from one frame to the next.
    """

    def __init__(self, vocabulary: Vocabulary, step: float):
        self.vocabulary, self.step = vocabulary, step
        self._text, self._first, self._last = "", 0, 0

    @property
    def begun(self) -> str:
        """The text so far of the word that is not complete yet."""
        return self._text

    def push(self, labels: Iterable[TimedLabel]) -> list[Word]:
        """Take further labels. Returns the words that they complete."""
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
        """End the utterance. Returns the last word, if there is one."""
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

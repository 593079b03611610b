"""Back-off n-gram language models, read from the ARPA format."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import DataError
from ..text.text_files import lines

_LN10 = math.log(10.0)
UNKNOWNS = ("<unk>", "<UNK>", "[UNK]", "[unk]")
"""Names of the unknown word in models of several toolkits."""

BEGIN, END = "<s>", "</s>"


class NGram:
    """An n-gram model with back-off (Katz 1987).

        log P(w | h) = prob(h w)                                if the n-gram was seen
                     = backoff(h) + log P(w | h without its first word)    otherwise, with backoff 0 for an unseen h

    Args:
        order: length of the longest n-gram.
        probabilities: n-gram -> natural log-probability of its last word.
        backoffs: n-gram -> natural log of its back-off weight.
        unknown: natural log-probability of an unknown word, if the model has none of `UNKNOWNS`.
        name: name of the model in messages.
    """

    def __init__(
        self,
        order: int,
        probabilities: dict[tuple[str, ...], float],
        backoffs: dict[tuple[str, ...], float],
        *,
        unknown: float = -100.0 * _LN10,
        name: str = "n-gram",
    ):
        self.order, self.probabilities, self.backoffs, self.unknown = order, probabilities, backoffs, unknown
        self.name = name
        self.unknown_word = next((each for each in UNKNOWNS if (each,) in probabilities), UNKNOWNS[0])

    def score(self, history: Sequence[str], word: str) -> float:
        """Natural ``log P(word | history)``; only the last ``order - 1`` words of the history count."""
        known = self.known(word)
        context = self.context(history)
        total = 0.0
        while True:
            found = self.probabilities.get((*context, known))
            if found is not None:
                return total + found
            if not context:
                return total + self.unknown
            total += self.backoffs.get(context, 0.0)
            context = context[1:]

    def known(self, word: str) -> str:
        """The word itself, or the unknown word of the model if it does not have it."""
        return word if (word,) in self.probabilities else self.unknown_word

    def context(self, history: Sequence[str]) -> tuple[str, ...]:
        """The last ``order - 1`` words of a history, as the model knows them."""
        return tuple(self.known(word) for word in history[max(0, len(history) - self.order + 1) :])

    def sentence(self, words: Iterable[str]) -> float:
        """Natural log-probability of a sentence, including its end."""
        history: tuple[str, ...] = (BEGIN,)
        total = 0.0
        for word in (*words, END):
            total += self.score(history, word)
            history = (*history, word)
        return total


def read_arpa(path: str | Path) -> NGram:
    r"""Read an ARPA file, plain or ``.gz``::

        \data\
        ngram 1=4
        ngram 2=2
                                    log10 probability, words, log10 back-off weight (none at the highest order)
        \1-grams:
        -0.6  <s>    -0.3
        ...
        \end\

    Raises:
        DataError: the file cannot be read, or does not follow the format (the message gives the line).
    """
    return _Reader(Path(path)).read()


class _Reader:
    def __init__(self, path: Path):
        self.path, self.number = path, 0
        self.lines = self._lines()
        self.probabilities: dict[tuple[str, ...], float] = {}
        self.backoffs: dict[tuple[str, ...], float] = {}

    def _lines(self) -> Iterator[str]:
        for number, line in lines(self.path):
            self.number = number
            # Not split(), as a word may contain other Unicode blanks.
            if line := line.strip(" \t"):
                yield line

    def _fault(self, message: str) -> DataError:
        return DataError(f"{self.path}:{self.number}: {message}")

    def _next(self, expected: str) -> str:
        line = next(self.lines, None)
        if line is None:
            raise self._fault(f"the file ends here; {expected} is missing")
        return line

    def read(self) -> NGram:
        # All text before \data\ is a comment.
        while self._next("\\data\\") != "\\data\\":
            pass
        counts, line = self._counts()
        for order, count in enumerate(counts, 1):
            if line != f"\\{order}-grams:":
                raise self._fault(f"{line[:60]!r} where \\{order}-grams: is expected")
            line = self._section(order, count, highest=order == len(counts))
        if line != "\\end\\":
            raise self._fault(f"{line[:60]!r} where \\end\\ is expected")
        for _ in self.lines:  # to the end, so that damage of a compressed file is detected
            pass
        return NGram(len(counts), self.probabilities, self.backoffs, name=str(self.path))

    def _counts(self) -> tuple[list[int], str]:
        counts: list[int] = []
        while not (line := self._next("\\1-grams:")).startswith("\\"):
            order, equals, count = line.removeprefix("ngram").partition("=")
            if not (line.startswith("ngram") and equals and order.strip().isdecimal() and count.strip().isdecimal()):
                raise self._fault(f"{line[:60]!r} is not 'ngram <order>=<count>'")
            if int(order) != len(counts) + 1:
                raise self._fault(f"the count of order {int(order)} follows that of order {len(counts)}")
            counts.append(int(count))
        if not counts:
            raise self._fault("no 'ngram <order>=<count>' lines after \\data\\")
        return counts, line

    def _section(self, order: int, count: int, *, highest: bool) -> str:
        for seen in range(count + 1):
            line = self._next("\\end\\" if highest else f"\\{order + 1}-grams:")
            if line.startswith("\\") and _is_header(line):
                if seen < count:
                    raise self._fault(f"{seen} {order}-grams, but the header says {count}")
                return line
            if seen == count:
                raise self._fault(f"more than the {count} {order}-grams that the header says")
            self._entry(line, order, highest)
        raise AssertionError

    def _entry(self, line: str, order: int, highest: bool) -> None:
        probability, *words = line.replace("\t", " ").split(" ")
        words = [word for word in words if word]
        if len(words) not in ((order,) if highest else (order, order + 1)):
            raise self._fault(
                f"{line[:60]!r} is not a log10 probability and {order} words" + " and a weight" * (not highest)
            )
        ngram = tuple(words[:order])
        if ngram in self.probabilities:
            raise self._fault(f"the {order}-gram {' '.join(ngram)!r} is there twice")
        value = self._number(probability)
        if value > 0:
            raise self._fault(f"a log10 probability of {probability} is above 0")
        self.probabilities[ngram] = value * _LN10
        if len(words) > order:
            self.backoffs[ngram] = self._number(words[order]) * _LN10

    def _number(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value) or value == math.inf:
            raise self._fault(f"{text[:60]!r} is not a number")
        return value


def _is_header(line: str) -> bool:
    return line == "\\end\\" or line.endswith("-grams:")

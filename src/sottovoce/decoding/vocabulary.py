"""The vocabulary of a recognizer: the list of its labels, from which its tokenizer is built.

    characters   <blank>  ' '  '  a  b  c ...            "a cab"  ->  a, ' ', c, a, b
    pieces       <blank>  ▁  a  b  c  ▁c  ab  ▁cab ...   "a cab"  ->  ▁ + a, ▁cab

Pieces are those of byte-pair encoding (Sennrich et al. 2016, 1508.07909), listed in the order in which they were learned.
This is the order of merges, so that no second table is needed (as in GPT's tokenizers). ``▁`` marks the beginning
of a word, as in SentencePiece; a vocabulary with this label consists of pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import DataError
from ..models.label_pieces import pieces, words
from ..models.spelling import MARK, spelled

BLANK = "<blank>"
"""Name of output 0."""


def characters_of(texts: Iterable[str]) -> list[str]:
    """The vocabulary of all characters in ``texts``."""
    return [BLANK, *sorted({character for text in texts for character in text})]


def pieces_of(texts: Iterable[str], size: int) -> list[str]:
    """A vocabulary of ``size`` pieces, including the blank, learned by the library tokenizers (Apache-2.0).

    Args:
        texts: the texts to learn from.
        size: number of labels, including the blank; small texts may give fewer.

    Raises:
        DataError: the texts have more different characters than ``size`` allows.
    """
    from tokenizers import Tokenizer, models, trainers

    texts = list(texts)
    least = len({character for text in texts for character in text.replace(" ", MARK)} | {MARK}) + 1
    if size < least:
        raise DataError(f"vocabulary: {size} pieces are fewer than the {least} that single characters need")
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = words()
    learner.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size - 1, show_progress=False))
    found = learner.get_vocab()
    return [BLANK, *sorted({MARK} - found.keys()), *sorted(found, key=lambda piece: found[piece])]


class Vocabulary:
    """Text to labels and back.

    Args:
        labels: ``[V]`` text of each output; the first is the blank.
        spelling, aliases: the texts of labels that differ from their names, see `sottovoce.models.spelling`.

    Raises:
        DataError: there are no labels, one is empty or repeated, or the first is not the blank.
    """

    def __init__(
        self,
        labels: Sequence[str],
        spelling: Mapping[str, str] | None = None,
        aliases: Mapping[str, str] | None = None,
    ):
        self.labels = [str(label) for label in labels]
        self.spelling = spelled(self.labels, spelling, aliases)
        self.number = {label: place for place, label in enumerate(self.labels)}
        if len(self.labels) < 2 or self.labels[0] != BLANK:
            raise DataError(f"vocabulary: {self.labels[:3]} ... is none; it begins with {BLANK!r}, and labels follow")
        if len(self.number) < len(self.labels) or "" in self.number:
            wrong = next(each for place, each in enumerate(self.labels) if not each or self.number[each] != place)
            raise DataError(f"vocabulary: the label {wrong!r} is empty or stands there twice")
        self.of_pieces = MARK in self.number
        letters = [label for label in self.labels[1:] if len(label) == 1 and label.upper() != label.lower()]
        self.of_capitals = bool(letters) and all(letter.isupper() for letter in letters)
        self._merging: Any = None

    def __len__(self) -> int:
        return len(self.labels)

    def encode(self, text: str) -> list[int]:
        """The labels of a text, with single spaces between words; in upper case if no label has lower case.

        Raises:
            DataError: a character of the text is in no label.
        """
        text = text.upper() if self.of_capitals else text
        spelled = f"{MARK}{text.replace(' ', MARK)}" if self.of_pieces else text
        if unknown := sorted({character for character in spelled if character not in self.number}):
            raise DataError(f"vocabulary: {text!r} has {', '.join(map(repr, unknown))}, which no label stands for")
        if not self.of_pieces:
            return [self.number[character] for character in text]
        if self._merging is None:
            self._merging = pieces(self.labels)
        return self._merging.encode(text).ids

    def decode(self, labels: Iterable[int]) -> str:
        """The text of labels, with single spaces between words; blank labels are skipped."""
        text = "".join(self.spelling.texts[label] for label in labels if label)
        return " ".join(text.split())

"""Text cut into the labels of a recognizer, by the library tokenizers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from .spelling import MARK

UNKNOWN = "<unk>"
"""What a vocabulary of stock code has for characters that it lacks."""


def characters(labels: Sequence[str]) -> Tokenizer:
    """The tokenizer of a vocabulary of characters."""
    number = {label: place for place, label in enumerate(labels)}
    tokenizer = Tokenizer(models.WordLevel(number, unk_token=UNKNOWN if UNKNOWN in number else labels[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    return tokenizer


def pieces(labels: Sequence[str]) -> Tokenizer:
    """The tokenizer of a vocabulary of pieces: of all pairs that stand side by side, the piece learned first is made."""
    number = {label: place for place, label in enumerate(labels)}
    merges = []
    for piece in labels[1:]:
        pairs = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        # Of several ways to a piece the one by the pieces learned first, as Transformers does for such vocabularies.
        known = [pair for pair in pairs if pair[0] in number and pair[1] in number]
        merges += sorted(known, key=lambda pair: (number[pair[0]], number[pair[1]]))
    tokenizer = Tokenizer(models.BPE(vocab=number, merges=merges))
    tokenizer.pre_tokenizer = words()
    return tokenizer


def words() -> Any:
    """How text is cut before pieces are looked for: at the beginnings of words, which become `MARK`."""
    return pre_tokenizers.Metaspace(replacement=MARK, prepend_scheme="always", split=True)

"""Text cut into the labels of a recognizer, by the library ``tokenizers``."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from .spelling import MARK

UNKNOWN = "<unk>"
"""The label of stock vocabularies for characters that are not in them."""


def characters(labels: Sequence[str]) -> Tokenizer:
    """The tokenizer of a vocabulary of characters, ``labels[V]``."""
    number = {label: place for place, label in enumerate(labels)}
    tokenizer = Tokenizer(models.WordLevel(number, unk_token=UNKNOWN if UNKNOWN in number else labels[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    return tokenizer


def pieces(labels: Sequence[str]) -> Tokenizer:
    """The tokenizer of a vocabulary of pieces of words (BPE), ``labels[V]`` in the order in which they were learned.

    Of all neighboring pairs, the pair whose merged piece was learned first is merged first.
    """
    number = {label: place for place, label in enumerate(labels)}
    merges = []
    for piece in labels[1:]:
        pairs = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        # If several pairs merge into a piece, the pair learned first goes first, as in Transformers.
        known = [pair for pair in pairs if pair[0] in number and pair[1] in number]
        merges += sorted(known, key=lambda pair: (number[pair[0]], number[pair[1]]))
    tokenizer = Tokenizer(models.BPE(vocab=number, merges=merges))
    tokenizer.pre_tokenizer = words()
    return tokenizer


def words() -> pre_tokenizers.PreTokenizer:
    """Cuts text into words before pieces are merged; each word then begins with `MARK`."""
    return pre_tokenizers.Metaspace(replacement=MARK, prepend_scheme="always", split=True)

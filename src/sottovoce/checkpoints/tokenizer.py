"""The vocabulary of a stock recogniser in our order: the blank first, words parted by a space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sottovoce.encoder.errors import CheckpointError

from .files import Files, read_json

Settings = Mapping[str, Any]

BLANK = "<blank>"
"""Our name of output 0, see `sottovoce.decoding.vocabulary`."""

KNOWN = ("Wav2Vec2CTCTokenizer", "Wav2Vec2Tokenizer")
"""Classes that decode alike."""


@dataclass(frozen=True)
class StockVocabulary:
    """Labels of a recogniser.

    Args:
        labels: in our order.
        order: which of the stock outputs each of ours is.
    """

    labels: list[str]
    order: list[int]


def read_vocabulary(files: Files, outputs: int) -> StockVocabulary:
    """The labels of a ``...ForCTC`` checkpoint with so many outputs.

    What the stock tokenizer does is settled here once: its padding token is the blank, its word delimiter a space, and
    lower case is taken over. Tokens such as ``<unk>`` stay labels of their own, as they do in stock transcripts.

    Raises:
        CheckpointError: there is no vocabulary, it is of another kind, or it does not fit the outputs.
    """
    vocabulary = read_json(files, "vocab.json")
    if vocabulary is None:
        raise CheckpointError(
            f"{files.name}: no vocab.json, so nobody knows what its {outputs} outputs mean; copy it (and"
            " tokenizer_config.json) there from the model's source, or take the encoder alone"
        )
    settings = read_json(files, "tokenizer_config.json") or {}
    kind = settings.get("tokenizer_class") or KNOWN[0]
    if kind not in KNOWN:
        raise CheckpointError(f"{files.name}: its tokenizer is a {kind}; only {KNOWN[0]} is supported")
    if language := settings.get("target_lang"):
        vocabulary = vocabulary.get(language)
    if not isinstance(vocabulary, dict) or not all(isinstance(place, int) for place in vocabulary.values()):
        raise CheckpointError(f"{files.name}: vocab.json is no table of labels and their places")
    tokens = {place: token for token, place in _with_added(vocabulary, outputs, files, settings).items()}
    if sorted(tokens) != list(range(outputs)):
        lacking = sorted(set(range(outputs)) - tokens.keys())
        detail = f"output {lacking[0]} has no label" if lacking else f"label {max(tokens)} has no output"
        raise CheckpointError(
            f"{files.name}: the head has {outputs} outputs and its tokenizer {len(tokens)} labels: {detail}"
        )
    blank = _token(settings, files, "pad_token", "<pad>")
    if blank not in tokens.values():
        raise CheckpointError(f"{files.name}: its padding token {blank!r}, the blank of CTC, is not in vocab.json")
    return _ours(tokens, blank, settings, files)


def _ours(tokens: dict[int, str], blank: str, settings: Settings, files: Files) -> StockVocabulary:
    delimiter = _token(settings, files, "word_delimiter_token", "|")
    order = sorted(tokens, key=lambda place: (tokens[place] != blank, place))
    labels = [BLANK]
    for place in order[1:]:
        label = settings.get("replace_word_delimiter_char", " ") if tokens[place] == delimiter else tokens[place]
        labels.append(label.lower() if settings.get("do_lower_case") else label)
    if twice := sorted({label for label in labels if labels.count(label) > 1 or not label}):
        raise CheckpointError(f"{files.name}: several outputs of the head are called {twice[0]!r}; labels must differ")
    return StockVocabulary(labels, order)


def _with_added(vocabulary: dict[str, int], outputs: int, files: Files, settings: Settings) -> dict[str, int]:
    """The vocabulary with tokens that were added later, such as ``<s>``, if the head has outputs for them."""
    added = dict(read_json(files, "added_tokens.json") or {})
    for place, token in (settings.get("added_tokens_decoder") or {}).items():
        added[token["content"]] = int(place)
    known = set(vocabulary.values())
    return vocabulary | {token: place for token, place in added.items() if place < outputs and place not in known}


def _token(settings: Settings, files: Files, name: str, default: str) -> str:
    found = settings.get(name) or (read_json(files, "special_tokens_map.json") or {}).get(name) or default
    return found["content"] if isinstance(found, dict) else str(found)

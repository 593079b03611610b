"""The vocabulary of a stock recogniser in our order: the blank first, words parted by a space."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sottovoce.encoder.errors import CheckpointError
from sottovoce.encoder.model_files import Files, read_json

Settings = Mapping[str, Any]

BLANK = "<blank>"
"""Our name of output 0, see `sottovoce.decoding.vocabulary`."""

KNOWN = ("Wav2Vec2CTCTokenizer", "Wav2Vec2Tokenizer")
"""Classes that decode alike."""

_SETTINGS, _SPECIAL = "tokenizer_config.json", "special_tokens_map.json"


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
    settings = read_json(files, _SETTINGS) or {}
    kind = settings.get("tokenizer_class") or KNOWN[0]
    if kind not in KNOWN:
        raise CheckpointError(
            f"{files.name}: its tokenizer is a {' '.join(str(kind).split())[:80]}; only {KNOWN[0]} is supported"
        )
    if language := settings.get("target_lang"):
        vocabulary = vocabulary.get(str(language))
    places = _places(vocabulary, "vocab.json", files)
    tokens = {place: token for token, place in _with_added(places, outputs, files, settings).items()}
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
    space = _content(
        settings.get("replace_word_delimiter_char", " "), f"replace_word_delimiter_char in {_SETTINGS}", files
    )
    order = sorted(tokens, key=lambda place: (tokens[place] != blank, place))
    labels = [BLANK]
    for place in order[1:]:
        label = space if tokens[place] == delimiter else tokens[place]
        labels.append(label.lower() if settings.get("do_lower_case") else label)
    if twice := sorted({label for label in labels if labels.count(label) > 1 or not label}):
        raise CheckpointError(f"{files.name}: several outputs of the head are called {twice[0]!r}; labels must differ")
    return StockVocabulary(labels, order)


def _with_added(vocabulary: dict[str, int], outputs: int, files: Files, settings: Settings) -> dict[str, int]:
    """The vocabulary with tokens that were added later, such as ``<s>``, if the head has outputs for them."""
    added = dict(_places(read_json(files, "added_tokens.json") or {}, "added_tokens.json", files))
    decoder = settings.get("added_tokens_decoder") or {}
    if not isinstance(decoder, dict) or not all(re.fullmatch(r"\d{1,9}", place) for place in decoder):
        raise CheckpointError(
            f"{files.name}: added_tokens_decoder in {_SETTINGS} is no table of places and their tokens"
        )
    for place, token in decoder.items():
        added[_content(token, f"token {place} of added_tokens_decoder in {_SETTINGS}", files)] = int(place)
    known = set(vocabulary.values())
    return vocabulary | {token: place for token, place in added.items() if place < outputs and place not in known}


def _places(found: Any, file: str, files: Files) -> dict[str, int]:
    if not isinstance(found, dict) or not all(isinstance(place, int) for place in found.values()):
        raise CheckpointError(f"{files.name}: {file} is no table of labels and their places")
    return found


def _token(settings: Settings, files: Files, name: str, default: str) -> str:
    for file, said in ((_SETTINGS, settings), (_SPECIAL, read_json(files, _SPECIAL) or {})):
        if found := said.get(name):
            return _content(found, f"{name} in {file}", files)
    return default


def _content(token: Any, what: str, files: Files) -> str:
    """What a token says, which is a string or an object with ``content``."""
    said = token.get("content") if isinstance(token, dict) else token
    if not isinstance(said, str):
        raise CheckpointError(
            f"{files.name}: {what} is {str(token)[:40]!r}, no token; copy the file from the source again"
        )
    return said

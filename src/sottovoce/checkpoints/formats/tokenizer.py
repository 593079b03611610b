"""The vocabulary of a stock recognizer in our order: the blank is first, and a space separates words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sottovoce.encoder.loading.model_files import Files, read_json
from sottovoce.errors import CheckpointError
from sottovoce.models.spelling import MARK

Settings = Mapping[str, object]

BLANK = "<blank>"
"""Our name of label 0, see `sottovoce.decoding.vocabulary`."""

KNOWN = ("Wav2Vec2CTCTokenizer", "Wav2Vec2Tokenizer")
"""Stock tokenizers that are supported, which decode in the same way."""

_SETTINGS, _SPECIAL, _ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"


@dataclass(frozen=True)
class StockVocabulary:
    """The labels of a recognizer.

    Args:
        labels: the labels in our order.
        order: the stock output of each label.
        spelling: label -> its text, where that is not its name, see `sottovoce.models.spelling`.
        aliases: label -> the label that is the same token, see `sottovoce.models.spelling`.
    """

    labels: list[str]
    order: list[int]
    spelling: dict[str, str]
    aliases: dict[str, str]


def read_vocabulary(files: Files, outputs: int) -> StockVocabulary:
    """The labels of a ``...ForCTC`` checkpoint.

    They follow the stock tokenizer: its padding token is the blank, its word delimiter is a space, and its lower case is
    kept. Tokens such as ``<unk>`` are labels of their own, as in stock transcripts. An output without a token is the unknown
    token; a token without an output is left out.

    Args:
        files: the files of the checkpoint.
        outputs: number of outputs of the model.

    Raises:
        CheckpointError: there is no vocabulary, it is of another kind, or none of the outputs is the blank.
    """
    vocabulary: Any = read_json(files, "vocab.json")
    if vocabulary is None:
        raise CheckpointError(
            f"{files.name}: no vocab.json, so the meaning of its {outputs} outputs is unknown; copy it (and"
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
    special = {name: _token(settings, files, name, default) for name, default in SPECIAL.items()}
    added_last = special | ({_DELIMITER: _token(settings, files, _DELIMITER, "|")} if settings.get(_DELIMITER) else {})
    known = _with_special(_with_added(_places(vocabulary, "vocab.json", files), files, settings), added_last)
    tokens = [known.get(place, special["unk_token"]) for place in range(outputs)]
    if special["pad_token"] not in tokens:
        raise CheckpointError(
            f"{files.name}: its padding token {special['pad_token']!r}, the blank of CTC, is not in vocab.json, and none of"
            f" the {outputs} outputs"
        )
    return _ours(tokens, special["pad_token"], settings, files)


SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
"""Tokens that the stock tokenizer adds after a vocabulary without them, in this order."""

_DELIMITER = "word_delimiter_token"
"""The setting of the word delimiter. If the settings have it, it is added after the tokens of `SPECIAL`."""


def _ours(tokens: list[str], blank: str, settings: Settings, files: Files) -> StockVocabulary:
    delimiter = _token(settings, files, _DELIMITER, "|")
    space = settings.get("replace_word_delimiter_char", " ")
    if space != "":
        space = _content(space, f"replace_word_delimiter_char in {_SETTINGS}", files)
    order = sorted(range(len(tokens)), key=lambda place: (tokens[place] != blank, place))
    labels, names = [BLANK], {blank: BLANK}
    spelling: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for place in order[1:]:
        token = tokens[place]
        text = space if token == delimiter else token
        text = text.lower() if settings.get("do_lower_case") else text
        if token == blank:
            text = ""
        name = text if token not in names and text not in labels and text and MARK not in text else token
        while name in labels or not name or name == MARK:
            name = f"{name} ({place})"
        if name != text or MARK in name:
            spelling[name] = text
        if token in names:
            aliases[name] = names[token]
        names.setdefault(token, name)
        labels.append(name)
    return StockVocabulary(labels, order, spelling, aliases)


def _with_added(vocabulary: dict[str, int], files: Files, settings: Settings) -> dict[int, str]:
    """Output -> its token: that of the vocabulary or, where it has none, an added token such as ``<s>``."""
    added = {place: token for token, place in _places(read_json(files, _ADDED) or {}, _ADDED, files).items()}
    decoder = settings.get("added_tokens_decoder") or {}
    if not isinstance(decoder, dict) or not all(re.fullmatch(r"\d{1,9}", place) for place in decoder):
        raise CheckpointError(
            f"{files.name}: added_tokens_decoder in {_SETTINGS} is not a table of outputs and their tokens"
        )
    for place, token in decoder.items():
        added[int(place)] = _content(token, f"token {place} of added_tokens_decoder in {_SETTINGS}", files)
    return added | {place: token for token, place in vocabulary.items()}


def _with_special(known: dict[int, str], special: Mapping[str, str]) -> dict[int, str]:
    """``known`` with the missing special tokens after all others, as the stock tokenizer adds them."""
    known = dict(known)
    for token in special.values():
        if token not in known.values():
            known.setdefault(len(set(known.values())), token)
    return known


def _places(found: object, file: str, files: Files) -> dict[str, int]:
    if not isinstance(found, dict) or not all(isinstance(place, int) for place in found.values()):
        raise CheckpointError(f"{files.name}: {file} is not a table of labels and their outputs")
    return found


def _token(settings: Settings, files: Files, name: str, default: str) -> str:
    for file, found_in in ((_SETTINGS, settings), (_SPECIAL, read_json(files, _SPECIAL) or {})):
        if found := found_in.get(name):
            return _content(found, f"{name} in {file}", files)
    return default


def _content(token: object, what: str, files: Files) -> str:
    """The text of a token, which is a string or an object with ``content``."""
    text = token.get("content") if isinstance(token, dict) else token
    if not isinstance(text, str):
        raise CheckpointError(
            f"{files.name}: {what} is {str(token)[:40]!r}, which is not a token; copy the file from the source again"
        )
    return text

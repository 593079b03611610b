"""Vocabularies as they are published: what is said is what the stock tokenizer says, whatever the labels are."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers as tf

from sottovoce.checkpoints.formats.tokenizer import read_vocabulary
from sottovoce.decoding.text_decoders import CTCDecoder
from sottovoce.decoding.timing import words_of
from sottovoce.decoding.vocabulary import Vocabulary
from sottovoce.encoder.loading.model_files import Directory
from sottovoce.models.label_tokenizer import LabelTokenizer

PLAIN = ["<pad>", "<s>", "</s>", "<unk>", "|", *"EAB'"]
CASES = {
    "plain": (PLAIN, {}, 9),
    "space and bar": ([*PLAIN, " "], {}, 10),
    "space before bar": ([" ", *PLAIN], {}, 10),
    "more outputs than tokens": (PLAIN, {}, 14),
    "no special tokens": (["<pad>", "|", *"AB"], {}, 9),
    "fewer outputs than tokens": ([*PLAIN, "X", "Y"], {}, 9),
    "both cases": ([*PLAIN, *"eab"], {"do_lower_case": True}, 12),
    "lower case": (PLAIN, {"do_lower_case": True}, 9),
    "empty replacement": (PLAIN, {"replace_word_delimiter_char": ""}, 9),
    "long replacement": (PLAIN, {"replace_word_delimiter_char": "A"}, 9),
    "another delimiter": (PLAIN, {"word_delimiter_token": "A"}, 9),
    "delimiter that is not there": (["<pad>", "<unk>", *"AB"], {}, 4),
    "unknown is the blank": (["[PAD]", "|", *"AB"], {"pad_token": "[PAD]", "unk_token": "[PAD]"}, 8),
    "marks of pieces": (["<pad>", "<unk>", "\u2581", "\u2581the", *"AB"], {}, 6),
    "a token called as our blank": (["<pad>", "<unk>", "<blank>", "|", *"AB"], {}, 6),
    "an empty token": (["<pad>", "<unk>", "", "|", *"AB"], {}, 6),
    "names of ours": (["<pad>", "<unk>", "|", " ", "| (3)", "  (3)", *"AB"], {"do_lower_case": True}, 12),
}


def found_in(place, tokens, options, outputs):
    """Our vocabulary of a stock directory, and the stock tokenizer of the same file."""
    file = place / "vocab.json"
    file.write_text(json.dumps({token: k for k, token in enumerate(tokens)}))
    (place / "tokenizer_config.json").write_text(json.dumps(options))
    return read_vocabulary(Directory(place), outputs), tf.Wav2Vec2CTCTokenizer(str(file), **options)


@pytest.mark.parametrize("case", CASES)
def test_random_outputs_are_decoded_as_by_the_stock_tokenizer(case, tmp_path):
    tokens, options, outputs = CASES[case]
    found, stock = found_in(tmp_path, tokens, options, outputs)
    assert len(set(found.labels)) == outputs and sorted(found.order) == list(range(outputs))
    vocabulary = Vocabulary(found.labels, found.spelling, found.aliases)
    ours = LabelTokenizer.from_labels(found.labels, found.spelling, found.aliases)
    ours.save_pretrained(tmp_path / "ours")
    again = LabelTokenizer.from_pretrained(tmp_path / "ours")
    greedy, beam = CTCDecoder(vocabulary), CTCDecoder(vocabulary, beam=1)
    place = {theirs: k for k, theirs in enumerate(found.order)}
    random = np.random.default_rng(0)
    for _ in range(60):
        theirs = random.integers(outputs, size=20)
        wanted = " ".join(stock.decode(theirs).split())
        frames = np.array([place[each] for each in theirs.tolist()])
        logits = torch.full((len(frames), outputs), -20.0)
        logits[torch.arange(len(frames)), torch.from_numpy(frames)] = 20.0
        assert greedy.text(greedy.frames(logits)) == wanted
        assert beam.text(beam.frames(logits)) == wanted
        assert ours.decode(frames) == again.decode(frames) == wanted
        words = words_of(greedy.labels(greedy.frames(logits)), vocabulary, 0.02)
        assert [each.text for each in words] == wanted.split()


def test_tokens_that_were_added_later(tmp_path):
    tokens = ["<pad>", "<unk>", "|", *"AB"]
    added = {"5": {"content": "<s>"}, "6": {"content": "</s>"}, "4": {"content": "never: the vocabulary comes first"}}
    (tmp_path / "vocab.json").write_text(json.dumps({token: k for k, token in enumerate(tokens)}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": added}))
    found = read_vocabulary(Directory(tmp_path), 7)
    assert found.labels == ["<blank>", "<unk>", " ", "A", "B", "<s>", "</s>"]
    assert not found.spelling and not found.aliases


def test_a_delimiter_that_only_the_settings_name_is_put_behind_the_special_tokens(tmp_path):
    found, _ = found_in(tmp_path, ["<pad>", *"AB"], {"word_delimiter_token": "|", "pad_token": "<pad>"}, 9)
    ours = LabelTokenizer.from_labels(found.labels, found.spelling, found.aliases)
    stock = tf.Wav2Vec2CTCTokenizer.from_pretrained(tmp_path)
    for theirs in range(9):
        frames = [1, theirs, 2]
        assert ours.decode([found.order.index(each) for each in frames]) == stock.decode(frames), theirs

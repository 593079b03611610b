"""From logits to text: the search, the vocabulary, language models."""

import torch

from sottovoce.decoding.ctc import ctc_greedy
from sottovoce.decoding.language_model import TokenModel, WordModel
from sottovoce.decoding.ngram import NGram
from sottovoce.decoding.ngram_matching import match_language_model
from sottovoce.decoding.text_decoders import CTCDecoder
from sottovoce.decoding.vocabulary import BLANK

LABELS = [BLANK, " ", "a", "b", "c"]


def test_greedy_text_is_the_best_path():
    logits = torch.randn(5, 40, 5, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([40, 31, 17, 2, 40])
    found = CTCDecoder(LABELS).texts(logits, lengths)
    spelled = ["".join(LABELS[k] for k in each) for each in ctc_greedy(logits, lengths)]
    assert found == [" ".join(text.split()) for text in spelled]


def test_a_beam_sums_over_alignments():
    # Graves' example: the best path says nothing, but "a" has more paths.
    probabilities = torch.tensor([[[0.6, 0.4], [0.6, 0.4]]])
    lengths = torch.tensor([2])
    assert CTCDecoder([BLANK, "a"]).texts(probabilities.log(), lengths) == [""]
    assert CTCDecoder([BLANK, "a"], beam=4).texts(probabilities.log(), lengths) == ["a"]


def test_a_language_model_decides_what_sounds_alike():
    words = NGram(1, {("ab",): -0.1, ("ac",): -3.0, ("</s>",): -1.0, ("<s>",): -99.0}, {})
    frames = torch.tensor([[[0.0, 0, 1, 0, 0], [1.0, 0, 0, 0, 0], [0, 0, 0, 0.49, 0.51]]]).clamp(min=1e-4).log()
    lengths = torch.tensor([3])
    assert CTCDecoder(LABELS, beam=8).texts(frames, lengths) == ["ac"]
    fused = CTCDecoder(LABELS, beam=8, ngram=words, weight=1.0)
    assert fused.texts(frames, lengths) == ["ab"]
    assert fused.name == "prefix beam search, beam 8, language model of weight 1"
    assert isinstance(match_language_model(words, LABELS), WordModel)
    assert isinstance(match_language_model(NGram(1, {("a",): -1.0, ("</s>",): -1.0}, {}), LABELS), TokenModel)

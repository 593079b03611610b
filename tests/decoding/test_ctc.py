import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from labelings import V, all_labelings, collapsed, table
from sottovoce.decoding.ctc import ctc_beam_search, ctc_greedy
from sottovoce.decoding.language_model import TokenModel, WordModel
from sottovoce.decoding.ngram import NGram
from sottovoce.errors import DataError


def test_greedy_is_the_collapsed_best_path():
    scores = torch.randn(4, 12, V, generator=torch.Generator().manual_seed(0))
    lengths = [12, 7, 1, 12]
    for blank in (0, 2):
        got = ctc_greedy(scores, lengths, blank=blank)
        for b, frames in enumerate(lengths):
            assert tuple(got[b]) == collapsed(scores[b, :frames].argmax(-1).tolist(), blank)
    assert ctc_greedy(scores)[0] == ctc_greedy(scores, lengths)[0]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("blank", [0, V - 1])
def test_a_wide_beam_finds_every_labeling_with_its_whole_probability(seed, blank):
    logp = table(seed)
    right = all_labelings(logp, blank)
    found = ctc_beam_search(logp, blank=blank, beam=10_000)
    assert {h.tokens for h in found} == set(right)
    assert all(abs(h.score - right[h.tokens]) < 1e-9 and h.acoustic == h.score for h in found)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


def test_scores_are_those_of_the_ctc_loss():
    logp = table(1, frames=9)
    for hypothesis in ctc_beam_search(logp, beam=100_000)[:20]:
        target = torch.tensor(hypothesis.tokens, dtype=torch.long)
        loss = F.ctc_loss(torch.tensor(logp), target, (9,), (len(target),), reduction="sum")
        assert abs(loss.item() + hypothesis.score) < 1e-9


def test_summing_over_paths_beats_the_best_path():
    """The textbook case: no path is likelier than that of blanks, but all paths of one label together are."""
    logp = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).log()
    assert ctc_greedy(logp[None]) == [[]]
    best = ctc_beam_search(logp)[0]
    assert best.tokens == (1,) and abs(math.exp(best.score) - 0.64) < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_a_narrow_beam_never_counts_too_much_and_finds_a_peaked_best(seed):
    logp = table(seed, frames=6, peaked=4.0)
    right = all_labelings(logp)
    found = ctc_beam_search(logp, beam=4, tokens=2)
    assert len(found) <= 4
    assert all(h.score <= right[h.tokens] + 1e-9 for h in found)
    assert found[0].tokens == max(right, key=right.__getitem__)


def test_a_prefix_that_comes_back_is_the_same_prefix():
    """Dropped from a narrow beam, met again later: no labeling may be in the result twice."""
    for seed in range(20):
        found = ctc_beam_search(table(seed, frames=30, outputs=5), beam=3)
        assert len({h.tokens for h in found}) == len(found)


def model():
    probabilities = {("a",): -1.0, ("b",): -2.0, ("c",): -0.5, ("</s>",): -1.5, ("<s>",): -50.0}
    probabilities |= {("<s>", "b"): -0.1, ("a", "b"): -0.3, ("b", "</s>"): -0.2, ("c", "c"): -3.0}
    return NGram(2, probabilities, {("a",): -0.4, ("b",): -0.7, ("<s>",): -0.9})


def test_a_language_model_over_labels_is_added_to_every_labeling():
    logp = table(1)
    vocabulary = ["", "a", "b", "c"]
    right = {
        labels: score + 0.8 * model().sentence([vocabulary[k] for k in labels]) + 0.3 * len(labels)
        for labels, score in all_labelings(logp).items()
    }
    options = {"language": TokenModel(model(), [(each,) for each in vocabulary]), "weight": 0.8, "bonus": 0.3}
    found = ctc_beam_search(logp, beam=10_000, **options)
    assert {h.tokens for h in found} == set(right)
    assert all(abs(h.score - right[h.tokens]) < 1e-9 for h in found)
    best = max(right, key=right.__getitem__)
    assert found[0].tokens == best != ctc_beam_search(logp, beam=10_000)[0].tokens
    assert ctc_beam_search(logp, beam=8, **options)[0].tokens == best


@pytest.mark.parametrize("vocabulary", [["", " ", "a", "b"], ["", "\u2581", "a", "\u2581b"]])
def test_a_language_model_over_words(vocabulary):
    logp = table(4)
    ngram = model()
    ngram.probabilities[("ab",)] = -0.2
    right = {
        labels: score + 0.6 * ngram.sentence("".join(vocabulary[k] for k in labels).replace("\u2581", " ").split())
        for labels, score in all_labelings(logp).items()
    }
    found = ctc_beam_search(logp, beam=10_000, language=WordModel(ngram, vocabulary), weight=0.6)
    assert {h.tokens for h in found} == set(right)
    assert all(abs(h.score - right[h.tokens]) < 1e-9 for h in found)


def test_impossible_outputs_and_no_frames():
    logp = table(0)
    logp[:, 2] = -np.inf
    found = ctc_beam_search(logp, beam=10_000)
    assert found and all(2 not in h.tokens and np.isfinite(h.score) for h in found)
    assert [h.tokens for h in ctc_beam_search(np.zeros((0, V)))] == [()]


@pytest.mark.parametrize(
    "logp, options, message",
    [
        (np.zeros((2, 3, 4)), {}, r"\[2, 3, 4\] and blank 0"),
        (np.zeros((3, 4)), {"blank": 4}, r"\[3, 4\] and blank 4"),
        (np.array([[0.0, 0.0], [np.nan, 0.0]]), {}, "frame 1 has scores that are not numbers"),
        (np.zeros((3, 4)), {"beam": 0}, "beam is 0; it must be at least 1"),
        (np.zeros((3, 4)), {"tokens": 0}, "tokens is 0; it must be at least 1"),
    ],
)
def test_faults_are_named(logp, options, message):
    with pytest.raises(DataError, match=message):
        ctc_beam_search(logp, **options)

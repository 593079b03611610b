"""Searches that hear frames bit by bit: what they settle stands, and in the end they have found what the others find."""

import itertools
import random

import numpy as np
import pytest
import torch

from sottovoce.decoding.ctc import ctc_beam_search, ctc_greedy
from sottovoce.decoding.ctc_prefix_beam import CTCPrefixBeamSearch
from sottovoce.decoding.language_model import TokenModel
from sottovoce.decoding.ngram import NGram
from sottovoce.decoding.streams import CTCBeamStream, CTCGreedyStream
from sottovoce.decoding.text_decoders import CTCDecoder
from sottovoce.decoding.timing import TimedLabel, Word, WordBuilder, ctm, words_of
from sottovoce.decoding.transducer import transducer_beam_search, transducer_greedy
from sottovoce.decoding.transducer_streams import TransducerBeamStream, TransducerGreedyStream
from sottovoce.decoding.vocabulary import BLANK, MARK, Vocabulary
from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.errors import DataError
from sottovoce.heads.sequence.transducer import Transducer
from sottovoce.tasks.objectives.transducer_objective import transducer_loss

LABELS = [BLANK, " ", "a", "b", "c"]
BIGRAMS = NGram(
    2, {("<s>",): -9.0, ("</s>",): -1.0, ("a",): -0.5, ("b",): -0.9, ("c",): -1.1, (" ",): -0.7, ("a", "b"): -0.1}, {}
)


def scores(frames, sure, seed=0):
    """Log-probabilities of a network that doubts everything (0), or says one label a frame, the more surely the more."""
    random = torch.Generator().manual_seed(seed)
    clear = torch.randint(len(LABELS), (frames,), generator=random)
    logits = torch.randn(frames, len(LABELS), generator=random)
    return logits.scatter_add(1, clear[:, None], torch.full((frames, 1), float(sure))).log_softmax(-1)


def pieces(x, seed):
    rng, place = random.Random(seed), 0
    while place < len(x):
        size = rng.randint(1, 9)
        yield x[place : place + size]
        place += size


def heard(search, x, seed=0):
    """All settled labels; at every moment what is settled and pending is one guess at the whole."""
    settled = []
    for piece in pieces(x, seed):
        settled += search.push(piece)
        assert isinstance(search.pending, list)
    return settled + search.finish(), settled


def runs(best):
    """(label, first, last frame) of each run of a best path."""
    place = 0
    for label, run in itertools.groupby(best.tolist()):
        first, place = place, place + len(list(run))
        if label:
            yield TimedLabel(label, first, place - 1)


@pytest.mark.parametrize("seed", range(4))
def test_greedy_is_the_best_path_with_its_runs(seed):
    logits = scores(60, 0, seed)
    found, settled = heard(CTCGreedyStream(), logits.argmax(-1), seed)
    assert [each.label for each in found] == ctc_greedy(logits[None])[0]
    assert found == list(runs(logits.argmax(-1))) and len(settled) > 10
    assert CTCDecoder(LABELS).labels(logits.argmax(-1)) == found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("language", [None, "bigrams"])
def test_a_beam_that_settles_ends_with_the_same_labels(seed, language):
    logits = scores(80, 8, seed)
    options = (
        {"beam": 6, "language": TokenModel(BIGRAMS, [(each,) for each in LABELS]), "bonus": 0.3}
        if language
        else {"beam": 6}
    )
    stream = CTCBeamStream(CTCPrefixBeamSearch(len(LABELS), **options))
    found, settled = heard(stream, logits, seed)
    expected = ctc_beam_search(logits, **options)[0]
    assert tuple(each.label for each in found) == expected.tokens
    assert tuple(each.first for each in found) == expected.frames
    assert len(settled) > 10  # it did not all come at the end
    assert stream.search.hypotheses()[0].score == pytest.approx(expected.score, abs=0.1)  # of the alignments it kept


def test_labels_of_a_sure_network_come_up_where_it_says_them():
    logits = scores(60, 40, seed=3)
    greedy = {(each.label, each.first) for each in CTCDecoder(LABELS).labels(logits.argmax(-1))}
    best = ctc_beam_search(logits, beam=8)[0]
    assert set(zip(best.tokens, best.frames, strict=True)) == greedy and len(greedy) > 20
    # And not where they were first possible: five frames of doubt before a clear label.
    doubt = torch.full((6, 3), 1e-3).index_put((torch.arange(5), torch.zeros(5, dtype=torch.long)), torch.tensor(1.0))
    doubt[5, 2] = 1.0
    assert ctc_beam_search(doubt.log_softmax(-1) * 5, beam=4)[0].frames[-1] == 5


def test_a_beam_forgets_what_is_settled_and_decides_in_the_end():
    stream = CTCBeamStream(CTCPrefixBeamSearch(len(LABELS), beam=6))
    for piece in scores(1_000, 8, seed=1).split(25):
        stream.push(piece)
    tree = stream.search._tree
    assert len(tree.parents) < 200 and len(tree.states) == len(tree.last) == len(tree.extras) == len(tree.parents)
    # Prefixes that never agree: after the patience the best one is taken.
    flat = torch.zeros(700, len(LABELS)).log_softmax(-1)
    stream, count = CTCBeamStream(CTCPrefixBeamSearch(len(LABELS), beam=6)), []
    for piece in flat.split(25):
        stream.push(piece)
        count.append(len(stream.search._tree.parents))
    assert max(count[22:]) <= max(count[:22])


D = 4


def transducer(seed, context):
    torch.manual_seed(seed)
    stream = ResidualStream(tuple(range(D)), D, one_channel_each(D))
    head = Transducer(stream, 2, outputs=5, predictor=8, width=6, context=context, ctc=False)
    with torch.no_grad():
        head.joiner.output.weight.mul_(30)
        head.joiner.output.bias[0] += 1
    return head.double()


@torch.no_grad()
def log_probability(head, x, labels):
    target = torch.tensor([list(labels)])
    return -float(transducer_loss(head, x[None], torch.tensor([len(x)]), target, torch.tensor([target.shape[1]])))


@pytest.mark.parametrize(("seed", "context"), [(0, 1), (1, 2), (2, 3), (3, 2)])
def test_transducers_settle_and_end_with_the_same_labels(seed, context):
    head = transducer(seed, context)
    x = 2 * torch.randn(40, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    projected = head.project(x).detach()
    found, _ = heard(TransducerGreedyStream(head, max_symbols=3), projected, seed)
    labels = [each.label for each in found]
    assert labels == transducer_greedy(head, projected[None], torch.tensor([40]), max_symbols=3)[0] and len(labels) > 5
    for k, each in list(enumerate(found))[
        3:12:4
    ]:  # in its frame: up to there, and not a frame before, the label is said
        for frames, said in ((each.first, k), (each.first + 1, k + 1)):
            shorter = transducer_greedy(head, projected[None], torch.tensor([frames]), max_symbols=3)[0]
            assert len(shorter) <= k if said == k else len(shorter) >= k + 1
    best = transducer_beam_search(head, projected, beam=4)[0]
    stream = TransducerBeamStream(head, beam=4)
    found = stream.push(projected) + stream.finish()  # heard in one piece, nothing is given up too early
    assert [(each.label, each.first) for each in found] == list(zip(best.tokens, best.frames, strict=True))
    # In small pieces it keeps others than a beam that forgets nothing; what it ends with is as likely, all alignments summed.
    stream = TransducerBeamStream(head, beam=4)
    found, settled = heard(stream, projected, seed)
    exact = [log_probability(head, x, labels) for labels in ([each.label for each in found], best.tokens)]
    assert exact[0] > exact[1] - 0.01 * abs(exact[1])
    assert [each.first for each in found] == sorted(each.first for each in found)
    assert len(settled) > 5 and max(map(len, stream._beam)) < len(best.tokens)  # it did not all come at the end


@pytest.mark.parametrize("make", [TransducerGreedyStream, TransducerBeamStream])
def test_searches_that_count_nothing_are_refused(make):
    with pytest.raises(DataError, match="max_symbols is 0"):
        make(transducer(0, 2), max_symbols=0)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (LABELS, [(2, 3, 4), (3, 6, 6), (1, 9, 9), (1, 11, 12), (4, 13, 13), (4, 20, 22), (1, 23, 23)]),
        ([BLANK, MARK, "a", "b", f"{MARK}c", "cc"], [(1, 2, 2), (2, 3, 4), (3, 6, 6), (4, 13, 13), (5, 20, 22)]),
    ],
    ids=["characters", "pieces"],
)
def test_words_go_from_their_first_label_to_their_last(labels, said):
    timed, vocabulary = [TimedLabel(*each) for each in said], Vocabulary(labels)
    words = words_of(timed, vocabulary, 0.02)
    assert [(w.start, w.end) for w in words] == [(0.06, 0.14), (0.26, 0.46)]
    assert " ".join(w.text for w in words) == vocabulary.decode(each.label for each in timed)
    builder, found = WordBuilder(vocabulary, 0.02), []
    for each in timed:
        found += builder.push([each])
    assert found + builder.finish() == words and builder.begun == "" and builder.finish() == []
    assert ctm("a", words[:1]) == ["a 1 0.060 0.080 ab"]
    assert words[0] == Word("ab", 0.06, 0.14)


def test_nothing_heard_is_no_label():
    for search in (CTCGreedyStream(), CTCBeamStream(CTCPrefixBeamSearch(5)), TransducerBeamStream(transducer(0, 2))):
        assert search.pending == [] and search.finish() == []
    assert words_of([], Vocabulary(LABELS), 0.02) == []
    assert np.isfinite(CTCBeamStream(CTCPrefixBeamSearch(5)).search.hypotheses()[0].score)

"""Powerset classes, and the loss that does not mind the order of speakers."""

from itertools import permutations

import pytest
import torch
from torch.nn import functional as F

from sottovoce.diarization.loss import permute_reference, powerset_loss
from sottovoce.diarization.powerset import Powerset
from sottovoce.errors import DataError


def test_the_eleven_classes_of_four_speakers():
    powerset = Powerset(4, 2)
    assert len(powerset) == 11
    assert powerset.members.sum(1).tolist() == [0] + [1] * 4 + [2] * 6
    assert len({tuple(row) for row in powerset.members.tolist()}) == 11


@pytest.mark.parametrize("speakers, at_once", [(1, 1), (3, 2), (4, 2), (4, 4), (5, 3)])
def test_sets_become_classes_and_back(speakers, at_once):
    powerset = Powerset(speakers, at_once)
    assert powerset.encode(powerset.members).tolist() == list(range(len(powerset)))
    assert torch.equal(powerset.decode(torch.eye(len(powerset))), powerset.members)


def test_more_at_once_than_a_class_holds_become_a_set_within_them():
    powerset = Powerset(4, 2)
    assert powerset.sets[powerset.encode(torch.tensor([0.0, 1.0, 1.0, 1.0]))] == (1, 2)


def test_impossible_classes_are_refused():
    for speakers, at_once in ((0, 0), (2, 3), (9, 2)):
        with pytest.raises(DataError, match="1 <= at_once <= speakers <= 8"):
            Powerset(speakers, at_once)


def _case(seed, B=3, T=40, speakers=4):
    generator = torch.Generator().manual_seed(seed)
    powerset = Powerset(speakers, 2)
    reference = powerset.members[torch.randint(len(powerset), (B, T), generator=generator)]
    order = torch.randperm(speakers, generator=generator)
    scores = 3 * F.one_hot(powerset.encode(reference[..., order]), len(powerset)).float()
    return powerset, scores + torch.randn(scores.shape, generator=generator), reference


@pytest.mark.parametrize("seed", range(5))
def test_the_order_is_the_best_of_all(seed):
    powerset, scores, reference = _case(seed)
    lengths = torch.tensor([40, 25, 7])
    loss, ordered = powerset_loss(powerset, scores, reference, lengths)
    total = 0.0
    for b, length in enumerate(lengths.tolist()):
        decided = powerset.decode(scores[b, :length])
        candidates = [reference[b, :length, list(order)] for order in permutations(range(4))]
        best = min(candidates, key=lambda each: (each - decided).abs().sum().item())
        assert (ordered[b, :length] - decided).abs().sum() == (best - decided).abs().sum()
        classes = powerset.encode(ordered[b, :length])
        total += F.cross_entropy(scores[b, :length], classes, reduction="sum")
    assert loss.item() == pytest.approx(total.item() / lengths.sum().item(), rel=1e-5)


def test_the_order_of_reference_speakers_changes_nothing():
    powerset, scores, reference = _case(7)
    found = [powerset_loss(powerset, scores, reference[..., list(o)])[0].item() for o in permutations(range(4))]
    assert max(found) - min(found) < 1e-6


def test_padding_says_nothing():
    powerset, scores, reference = _case(3)
    lengths = torch.tensor([40, 25, 7])
    before = powerset_loss(powerset, scores, reference, lengths)[0]
    scores[1, 25:], reference[2, 7:] = 50.0, 1.0
    assert powerset_loss(powerset, scores, reference, lengths)[0] == before


def test_it_learns_the_right_classes():
    powerset, _, reference = _case(1)
    scores = torch.zeros(3, 40, 11).normal_(generator=torch.Generator().manual_seed(0)).requires_grad_()
    optimizer = torch.optim.Adam([scores], lr=0.3)
    for _ in range(60):
        loss, _ = powerset_loss(powerset, scores, reference)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.equal(powerset.decode(scores), permute_reference(powerset.decode(scores), reference))


def test_speakers_find_their_order_under_bfloat16():
    # Counts of frames above 256 are no numbers of bfloat16: an order that is better by one frame would be lost.
    decided = torch.zeros(1, 2001, 2)
    decided[0, :1000, 0] = decided[0, 1000:, 1] = 1
    reference = decided.flip(-1)
    reference[0, :1000] = torch.tensor([1.0, 0.0])
    reference[0, 2000] = torch.tensor([0.0, 1.0])
    plain = permute_reference(decided, reference)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(permute_reference(decided, reference), plain)

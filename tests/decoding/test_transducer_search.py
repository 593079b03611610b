import itertools

import numpy as np
import pytest
import torch

from sottovoce.decoding.transducer import transducer_beam_search, transducer_greedy
from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.errors import DataError
from sottovoce.heads.sequence.transducer import Transducer
from sottovoce.tasks.objectives.transducer_objective import transducer_loss

D, V = 4, 3


def tiny(seed=0, context=2, sharp=3.0):
    torch.manual_seed(seed)
    stream = ResidualStream(tuple(range(D)), D, one_channel_each(D))
    head = Transducer(stream, 3, outputs=V, predictor=8, width=6, context=context)
    with torch.no_grad():
        head.joiner.output.weight.mul_(sharp)
    return head.double()


def frames(T=3, B=1, seed=0):
    return 2 * torch.randn(B, T, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def step(head, frame, labels):
    """Log-probabilities after ``labels``, from the whole history."""
    state = head.predictor(torch.tensor([list(labels)], dtype=torch.long))[0, -1]
    return head.joiner(head.project(frame), head.joiner.predictor(state)).log_softmax(-1)


@torch.no_grad()
def all_labelings(head, x, max_symbols):
    """Every label sequence by the sum over how many labels each frame says."""
    cache, found = {}, {}
    others = [v for v in range(V) if v != head.blank]
    for counts in itertools.product(range(max_symbols + 1), repeat=len(x)):
        for labels in itertools.product(others, repeat=sum(counts)):
            total, u = 0.0, 0
            for t, count in enumerate(counts):
                for k in range(count + 1):
                    if (t, labels[:u]) not in cache:
                        cache[t, labels[:u]] = step(head, x[t], labels[:u]).tolist()
                    total += cache[t, labels[:u]][head.blank if k == count else labels[u]]
                    u += k < count
            found[labels] = np.logaddexp(found.get(labels, -np.inf), total)
    return found


@torch.no_grad()
def greedy_by_hand(head, x, max_symbols):
    labels = []
    for frame in x:
        for _ in range(max_symbols):
            best = int(step(head, frame, labels).argmax())
            if best == head.blank:
                break
            labels.append(best)
    return labels


@pytest.mark.parametrize("seed, context", [(0, 2), (1, 1), (2, 3)])
def test_a_wide_beam_finds_every_labeling_with_its_whole_probability(seed, context):
    head, x = tiny(seed, context), frames(seed=seed)[0]
    right = all_labelings(head, x, max_symbols=2)
    found = transducer_beam_search(head, head.project(x), beam=10_000, max_symbols=2)
    assert {h.tokens for h in found} == set(right) and len(found) == len(right)
    assert all(abs(h.score - right[h.tokens]) < 1e-9 for h in found)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


def test_scores_are_those_of_the_loss_where_frames_may_say_enough():
    head, x = tiny(), frames(T=4)[0]
    for hypothesis in transducer_beam_search(head, head.project(x), beam=3000, max_symbols=3)[:20]:
        labels = torch.tensor([hypothesis.tokens], dtype=torch.long)
        if labels.shape[1] <= 3:
            loss = transducer_loss(head, x[None], torch.tensor([4]), labels, torch.tensor([labels.shape[1]]))
            assert abs(loss.item() + hypothesis.score) < 1e-4 * abs(loss.item())


@pytest.mark.parametrize("seed", range(6))
def test_a_narrow_beam_never_counts_too_much(seed):
    head, x = tiny(seed, sharp=8.0), frames(seed=seed)[0]
    right = all_labelings(head, x, max_symbols=2)
    found = transducer_beam_search(head, head.project(x), beam=4, max_symbols=2)
    assert len(found) == 4 and len({h.tokens for h in found}) == 4
    assert all(h.score <= right[h.tokens] + 1e-9 for h in found)
    assert found[0].tokens == max(right, key=right.__getitem__)


@pytest.mark.parametrize("max_symbols", [1, 2, 5])
@pytest.mark.parametrize("context", [1, 2])
def test_greedy_of_a_batch_is_that_of_each(max_symbols, context):
    said = set()
    for seed in range(6):
        head, x = tiny(seed, context), frames(T=8, B=3, seed=seed)
        lengths = torch.tensor([8, 5, 1])
        got = transducer_greedy(head, head.project(x), lengths, max_symbols=max_symbols)
        for b in range(3):
            assert got[b] == greedy_by_hand(head, x[b, : lengths[b]], max_symbols)
            said.add(tuple(got[b]))
    assert len(said) > 3


def test_faults_are_named():
    with pytest.raises(DataError, match="beam is 0"):
        transducer_beam_search(tiny(), torch.zeros(3, 6, dtype=torch.float64), beam=0)
    with pytest.raises(DataError, match="max_symbols is 0"):
        transducer_greedy(tiny(), torch.zeros(1, 3, 6, dtype=torch.float64), torch.tensor([3]), max_symbols=0)

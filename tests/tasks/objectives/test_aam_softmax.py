import math

import pytest
import torch

from seeded_weights import seeded_state
from sottovoce.tasks.objectives.aam_softmax import AAMSoftmax


def by_hand(loss, x, labels, margin, rivals_margin=0.0, rivals=0):
    """Through the angles themselves, one utterance at a time."""
    total = 0.0
    for vector, label in zip(x.double(), labels.tolist(), strict=True):
        angles = []
        for speaker in range(loss.classes):
            centers = loss.weight.detach().double()[speaker * loss.centers : (speaker + 1) * loss.centers]
            cosines = centers @ vector / centers.norm(dim=1) / vector.norm()
            angles.append(math.acos(float(cosines.detach().max())))
        others = sorted((k for k in range(loss.classes) if k != label), key=lambda k: angles[k])
        logits = [math.cos(a) for a in angles]
        logits[label] = math.cos(angles[label] + margin)
        for k in others[:rivals]:
            logits[k] = math.cos(angles[k] - rivals_margin)
        scaled = [loss.scale * l for l in logits]
        total += math.log(sum(math.exp(l) for l in scaled)) - scaled[label]
    return total / len(labels)


@pytest.mark.parametrize("centers, rivals", [(1, 0), (3, 0), (2, 2)])
def test_equals_the_formula(centers, rivals):
    torch.manual_seed(0)
    loss = AAMSoftmax(5, 6, margin=0.3, scale=20.0, centers=centers, hardest=rivals, hardest_margin=0.06).double()
    x, labels = torch.randn(8, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 4, 5, 0, 1])
    got, _ = loss(x, labels)
    assert abs(got.item() - by_hand(loss, x, labels, 0.3, 0.06, rivals)) < 1e-4


# The class ArcMarginProduct_intertopk_subcenter of wenet-e2e/wespeaker at dfa74195, wespeaker/models/projections.py, of size
# 16, with 10 speakers, K 3, mp 0.06, k_top 5 and scale 30, `seeded_weights` with seed 11, and cross-entropy:
# after its update(margin); as constructed, which is how espnet/espnet at 2b0ed3cb runs it, in
# espnet2/spk/loss/aamsoftmax_subcenter_intertopk.py; and with its cos_mp and sin_mp set to those of 0.06.
PUBLISHED = {
    ("espnet", 0.2): 12.58611011505127,
    ("paper", 0.2): 14.172411918640137,
    ("wespeaker", 0.2): 14.172411918640137,
    ("espnet", 0.3): 15.510371208190918,
    ("paper", 0.3): 17.105484008789062,
    ("wespeaker", 0.3): 17.884668350219727,
    ("espnet", 0.5): 21.287519454956055,
    ("paper", 0.5): 22.883201599121094,
    ("wespeaker", 0.5): 25.180025100708008,
}


@pytest.mark.parametrize("penalty, margin", PUBLISHED)
def test_the_published_penalties_of_the_hardest_speakers(penalty, margin):
    loss = AAMSoftmax(16, 10, margin=margin, scale=30.0, centers=3, hardest=5, penalty=penalty)
    loss.load_state_dict(seeded_state(loss.state_dict().items(), 11))
    x, labels = torch.randn(12, 16, generator=torch.Generator().manual_seed(11)), torch.arange(12) % 10
    got = loss(x, labels)[0].item()
    rivals_margin = {"paper": 0.06, "wespeaker": 0.06 * margin / 0.2, "espnet": 0.0}[penalty]
    assert got == pytest.approx(by_hand(loss, x, labels, margin, rivals_margin, rivals=5), rel=1e-5)
    assert got == pytest.approx(PUBLISHED[penalty, margin], rel=2e-6)


def test_the_penalty_of_wespeaker_grows_with_the_margin():
    loss = AAMSoftmax(16, 10, margin=0.3, centers=3, hardest=5, penalty="wespeaker")
    halves = AAMSoftmax(16, 10, margin=0.15, centers=3, hardest=5, penalty="wespeaker")
    loss.set_margin(0.5)
    assert loss.hardest_margin == pytest.approx(0.045) == halves.hardest_margin


def test_margin_makes_it_harder_and_ramps():
    torch.manual_seed(0)
    loss = AAMSoftmax(5, 6, margin=0.4, hardest=2)
    x, labels = torch.randn(8, 5), torch.arange(8) % 6
    values = []
    for fraction in (0.0, 0.5, 1.0):
        loss.set_margin(fraction)
        values.append(loss(x, labels)[0].item())
    assert values[0] < values[1] < values[2]
    loss.set_margin(0.0)
    plain = torch.nn.functional.cross_entropy(30 * loss.cosines(x), labels)
    assert abs(plain.item() - loss(x, labels)[0].item()) < 1e-5


def test_being_more_wrong_always_costs_more():
    """Past θ = π - m the bare formula would reward turning further away."""
    loss = AAMSoftmax(2, 2, margin=0.5, scale=4.0)
    with torch.no_grad():
        loss.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    angles = torch.linspace(0.1, 3.1, 60)
    # Along a circle on which the other class keeps its cosine.
    losses = []
    for angle in angles:
        cosine = torch.tensor([[math.cos(angle), 0.0]])
        loss.cosines = lambda _, c=cosine: c
        losses.append(loss(torch.zeros(1, 2), torch.tensor([0]))[0].item())
    assert all(a < b for a, b in zip(losses, losses[1:], strict=False))


def test_float32_under_autocast():
    loss = AAMSoftmax(8, 4)
    x = torch.randn(3, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value, _ = loss(x, torch.tensor([0, 1, 2]))
    assert value.dtype == torch.float32
    assert value.item() == loss(x, torch.tensor([0, 1, 2]))[0].item()


def test_gradients_at_a_perfect_cosine_are_finite():
    loss = AAMSoftmax(3, 2, hardest=1)
    x = loss.weight.detach()[:1].clone().requires_grad_()
    loss(x, torch.tensor([0]))[0].backward()
    assert torch.isfinite(x.grad).all() and torch.isfinite(loss.weight.grad).all()

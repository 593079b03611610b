import math

import pytest
import torch

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
            logits[k] = math.cos(max(angles[k] - rivals_margin, 0.0))
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

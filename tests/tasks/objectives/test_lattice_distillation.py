"""The collapsed outputs of a transducer at every node, against softmax over the tensor of all logits."""

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax
from torch.nn import functional as F

from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.errors import DataError
from sottovoce.heads.sequence.transducer import Joint, Transducer
from sottovoce.pruning.gating.gate_hooks import GateHooks
from sottovoce.tasks.objectives.lattice_distillation import LatticeDistillationLoss, lattice_divergence
from tiny_models import randomized

B, T, U, V = 3, 6, 4, 5
LENGTHS, TARGET_LENGTHS = torch.tensor([6, 3, 1]), torch.tensor([2, 4, 0])
LABELS = torch.tensor([[2, 1, -1, -1], [3, 3, 1, 4], [-1, -1, -1, -1]])


def joint(width, seed=0, outputs=V):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((B, T, width), (B, U + 1, width), (outputs, width), (outputs,))
    return Joint(*(2 * torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes))


@torch.no_grad()
def by_hand(student, teacher, temperature=1.0, labels=LABELS, blank=0):
    """Node by node; the third outcome as the sum of what is neither blank nor label."""
    tables = [
        softmax(F.linear((j.frames[:, :, None] + j.states[:, None]).tanh(), j.weight, j.bias) / temperature, axis=-1)
        for j in (student, teacher)
    ]
    found = []
    for b in range(B):
        for t in range(LENGTHS[b]):
            for u in range(TARGET_LENGTHS[b] + 1):
                named = [blank] + ([int(labels[b, u])] if u < TARGET_LENGTHS[b] else [])
                p, q = ([*(x[b, t, u][named]), np.delete(x[b, t, u], named).sum()] for x in tables)
                found.append(rel_entr(q, p).sum())
    return temperature**2 * np.mean(found)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("cells", [1, 7, 1000, None])
def test_equals_the_mean_over_all_nodes(cells, temperature):
    student, teacher = joint(3), joint(4, seed=1)
    found = lattice_divergence(student, teacher, LABELS, LENGTHS, TARGET_LENGTHS, cells=cells, temperature=temperature)
    assert found.item() == pytest.approx(by_hand(student, teacher, temperature), rel=1e-10)


def test_gradient():
    teacher = joint(4, seed=1)

    def loss(*inputs):
        return lattice_divergence(Joint(*inputs), teacher, LABELS, LENGTHS, TARGET_LENGTHS, cells=7, temperature=1.5)

    assert torch.autograd.gradcheck(loss, [x.requires_grad_() for x in joint(3)])


def test_with_one_label_there_is_nothing_else():
    labels = LABELS.clamp(max=1)
    inputs = [x.requires_grad_() for x in joint(3, outputs=2)]
    found = lattice_divergence(Joint(*inputs), joint(3, 1, outputs=2), labels, LENGTHS, TARGET_LENGTHS)
    wanted = by_hand(Joint(*(x.detach() for x in inputs)), joint(3, 1, outputs=2), labels=labels)
    assert found.item() == pytest.approx(wanted, rel=1e-10)
    found.backward()
    assert all(x.grad.isfinite().all() and x.grad.abs().sum() > 0 for x in inputs)


def test_sure_nodes_stay_finite_in_float32():
    student, teacher = (Joint(*(x.float() for x in joint(3, seed))) for seed in (0, 1))
    sure = (
        student._replace(bias=torch.tensor([200.0, 0, 0, 0, 0])),
        teacher._replace(bias=torch.tensor([0, 200.0, 0, 0, 0])),
    )
    inputs = [x.requires_grad_() for x in sure[0]]
    found = lattice_divergence(Joint(*inputs), sure[1], LABELS, LENGTHS, TARGET_LENGTHS)
    found.backward()
    assert found.isfinite() and all(x.grad.isfinite().all() for x in inputs)


def test_lengths_are_checked():
    with pytest.raises(DataError, match="utterance 1 has 9 frames"):
        lattice_divergence(joint(3), joint(3, 1), LABELS, torch.tensor([6, 9, 1]), TARGET_LENGTHS)


# --- through the heads ---


def head(seed, width):
    torch.manual_seed(seed)
    stream = ResidualStream(tuple(range(6)), 6, one_channel_each(6))
    options = dict(outputs=V, predictor=12, width=width, ctc=False, fusion="last")
    return randomized(Transducer(stream, 3, **options), seed).double()


def batch():
    return {"tokens": LABELS, "token_lengths": TARGET_LENGTHS, "frames": LENGTHS}


def frames(seed):
    return torch.randn(B, T, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_heads_are_compared_by_their_own_logits():
    student, teacher = head(0, 8), head(1, 10)
    x, y = frames(0), frames(1)
    distillation_loss = LatticeDistillationLoss(student, teacher, list("-abcd"), 2.0)
    found = distillation_loss(x, y, batch())
    found.backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert all(p.grad.abs().sum() > 0 for p in student.parameters() if p is not student.layer_weights)
    with torch.no_grad():
        told = [
            Joint(h.project(z), h.joiner.predictor(h.predictor(LABELS.clamp(min=0))), *h.joiner.output.parameters())
            for h, z in ((student, x), (teacher, y))
        ]
    # What lies beyond the labels of an utterance is never looked at.
    assert found.item() == pytest.approx(by_hand(*told, 2.0), rel=1e-10)
    assert distillation_loss.labels == list("-abcd")
    assert LatticeDistillationLoss(teacher, teacher, distillation_loss.labels)(y, y, batch()).item() == pytest.approx(
        0, abs=1e-12
    )


def test_gates_of_the_joiner_act():
    student, teacher = head(0, 8), head(1, 8)
    distillation_loss = LatticeDistillationLoss(student, teacher, list("-abcd"))
    (unit,) = [each for each in student.joiner.units() if each.name == "width"]
    gates = torch.tensor([0, 1, 0.7, 0, 1, 1, 0, 0], dtype=torch.float64)
    attached = GateHooks(student.joiner, [unit], lambda: {"width": gates})
    gated = distillation_loss(frames(0), frames(1), batch()).item()
    attached.remove()
    with torch.no_grad():
        student.joiner.output.weight *= gates
    assert gated == pytest.approx(distillation_loss(frames(0), frames(1), batch()).item(), rel=1e-12)

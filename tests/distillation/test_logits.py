"""Imitated outputs, against scipy and sums by hand."""

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

from sottovoce.distillation.features import FeatureDistillation
from sottovoce.distillation.logits import (
    ClassDistillationLoss,
    EmbeddingDistillationLoss,
    FrameDistillationLoss,
    LogitsDistillation,
    ScoreDistillationLoss,
    divergence,
)
from sottovoce.training.terms import DistillationTerm
from tiny_models import speech, tiny_model


def logits(*shape, seed=0):
    return 3 * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_hand(output, target, temperature):
    p, q = (softmax(each.numpy() / temperature, axis=-1) for each in (output, target))
    return temperature**2 * rel_entr(q, p).sum(-1)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 0.5])
def test_divergence_is_that_of_scipy(temperature):
    s, t = logits(4, 7), logits(4, 7, seed=1)
    assert np.allclose(divergence(s, t, temperature).numpy(), by_hand(s, t, temperature), rtol=1e-12)
    assert divergence(t, t, temperature).abs().max() < 1e-12
    assert divergence(s.bfloat16(), t.bfloat16()).dtype == torch.float32


def test_the_gradient_is_as_large_at_a_high_temperature():
    """Hinton et al. 2015: at T -> infinity it is the difference of centered logits over the number of classes."""
    s, t = logits(7).requires_grad_(), logits(7, seed=1)
    (gradient,) = torch.autograd.grad(divergence(s, t, 1e4), s)
    assert torch.allclose(gradient, ((s - s.mean()) - (t - t.mean())).detach() / 7, rtol=1e-3)


def test_each_question_is_a_distribution_of_its_own():
    s, t = logits(3, 6), logits(3, 6, seed=1)
    parts = [by_hand(s[:, a:b], t[:, a:b], 2.0).mean() for a, b in ((0, 4), (4, 6))]
    assert ClassDistillationLoss(2.0, [4, 2])(s, t, {}).item() == pytest.approx(np.mean(parts))
    assert ClassDistillationLoss(2.0)(s, t, {}).item() == pytest.approx(by_hand(s, t, 2.0).mean())


def test_frames_of_padding_do_not_count():
    s, t = logits(2, 5, 4), logits(2, 5, 4, seed=1)
    each = by_hand(s, t, 1.0)
    wanted = (each[0].sum() + each[1, :2].sum()) / 7
    s[1, 2:] = 1e4
    assert FrameDistillationLoss()(s, t, {"frames": torch.tensor([5, 2])}).item() == pytest.approx(wanted)


def test_embeddings_are_compared_by_their_angle():
    s, t = logits(3, 8), logits(3, 8, seed=1)
    cosines = [x @ y / np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(s.numpy(), t.numpy(), strict=True)]
    assert EmbeddingDistillationLoss()(s, t, {}).item() == pytest.approx(1 - np.mean(cosines), rel=1e-5)
    assert EmbeddingDistillationLoss()(7 * t, t, {}).item() == pytest.approx(0, abs=1e-6)


def test_a_score_is_a_decision_between_two():
    s, t = logits(5, 1).tanh(), logits(5, 1, seed=1).tanh()
    p, q = (1 / (1 + np.exp(-20 * (each[:, 0].numpy() - 0.55) / 2)) for each in (s, t))
    wanted = 4 * (rel_entr(q, p) + rel_entr(1 - q, 1 - p)).mean()
    assert ScoreDistillationLoss(2.0, 20.0, 0.55)(s, t, {}).item() == pytest.approx(wanted, rel=1e-4)


def batch():
    return {"waveform": speech(), "lengths": torch.tensor([8000, 5000])}


def test_features_and_logits_come_of_one_pass_of_the_teacher():
    student, teacher = tiny_model(seed=1), tiny_model(seed=2)
    passes = []
    teacher.encoder.register_forward_hook(lambda *_: passes.append(1))
    made = student(**batch())
    features = FeatureDistillation(teacher.encoder, student.encoder, ["projected", 2], l1=0.7)
    alone, parts = DistillationTerm(features, weight=1.0, lr=0.0).loss(student, batch(), made)
    told = teacher(**batch()).output
    imitated = EmbeddingDistillationLoss()(made.output, told, {})
    passes.clear()
    both = DistillationTerm(
        features, LogitsDistillation(teacher, EmbeddingDistillationLoss(), weight=3.0), weight=1.0, lr=0.0
    )
    loss, values = both.loss(student, batch(), made)
    assert len(passes) == 1
    assert loss.item() == pytest.approx((alone + 3 * imitated).item(), rel=1e-6)
    assert set(values) == {"logits", *parts} and values["logits"].item() == pytest.approx(imitated.item())


def test_gradients_reach_the_students_head_and_nothing_of_the_teacher():
    student, teacher = tiny_model(seed=1).train(), tiny_model(seed=2).train()
    term = DistillationTerm(None, LogitsDistillation(teacher, EmbeddingDistillationLoss()), weight=1.0, lr=0.0)
    loss, _ = term.loss(student, batch(), student(**batch()))
    loss.backward()
    assert not teacher.training and all(p.grad is None and not p.requires_grad for p in teacher.parameters())
    for weight in (student.head.project.weight, student.encoder.layers[0].feed_forward.up.weight):
        assert weight.grad.abs().sum() > 0
    assert not term.state_dict() and not list(term.parameters()) and term.groups() == []
    assert term.teacher is teacher.encoder

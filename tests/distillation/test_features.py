import numpy as np
import pytest
import torch

from sottovoce.distillation.features import FeatureDistillation, default_layers
from sottovoce.distillation.losses import feature_distance
from sottovoce.distillation.residual import kept_channels
from sottovoce.encoder.layers.frame_masks import frame_mask
from sottovoce.errors import DistillationError
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim
from sottovoce.recipe.distillation_options import DistillationOptions
from tiny_models import speech, tiny_encoder


def distance_by_hand(s, t, frames, l1, cosine):
    total, count = 0.0, 0
    for b, n in enumerate(frames):
        for k in range(n):
            x, y = s[b, k], t[b, k]
            total += l1 * np.abs(x - y).mean() - cosine * x @ y / np.linalg.norm(x) / np.linalg.norm(y)
            count += 1
    return total / count


def test_distance_equals_the_formula_over_valid_frames():
    generator = torch.Generator().manual_seed(0)
    s, t = (torch.randn(2, 5, 4, generator=generator) for _ in range(2))
    mask = frame_mask(torch.tensor([5, 2]), 5)
    s[1, 2:] = 1e6  # padding may hold anything
    got = feature_distance(s, t, mask, l1=0.5, cosine=2.0).item()
    assert got == pytest.approx(distance_by_hand(s.numpy(), t.numpy(), [5, 2], 0.5, 2.0), rel=1e-5)


def three_states():
    generator = torch.Generator().manual_seed(7)
    s, t = (torch.randn(2, 3, 5, 6, generator=generator) for _ in range(2))  # [B, layer, T, D]
    return s.unbind(1), t.unbind(1)


@pytest.mark.parametrize("l1, cosine, golden", [(1.0, 1.0, 1.1258426904678345), (0.5, 2.0, 0.5046238899230957)])
def test_several_states_make_the_loss_of_dphubert(l1, cosine, golden):
    """Golden: `DistillLoss(0, l1, cosine, "raw")`, lightning.py of pyf98/DPHuBERT at c18093f, on the same seeded states."""
    encoder = tiny_encoder()
    features = FeatureDistillation(encoder, tiny_encoder(), [0, 1, 2], l1=l1, cosine=cosine)
    states, targets = three_states()
    assert features.distance(states, None, targets)[0].item() == pytest.approx(golden, rel=1e-6)


def test_mean_and_sum_of_the_states_over_valid_frames():
    states, targets = three_states()
    by_hand = [distance_by_hand(s.numpy(), t.numpy(), [5, 2], 1.0, 1.0) for s, t in zip(states, targets, strict=True)]
    for reduction, wanted in (("mean", sum(by_hand) / 3), ("sum", sum(by_hand))):
        features = FeatureDistillation(tiny_encoder(), tiny_encoder(), [0, 1, 2], reduction=reduction)
        total, parts = features.distance(states, torch.tensor([5, 2]), targets)
        assert total.item() == pytest.approx(wanted, rel=1e-5)
        assert [parts[f"layer_{k}"].item() for k in range(3)] == pytest.approx(by_hand, rel=1e-5)


def test_a_copy_of_the_teacher_is_perfect():
    teacher, student = tiny_encoder(), tiny_encoder()
    features = FeatureDistillation(teacher, student, [0, 1, 2], projections=True)
    x, lengths = speech(), torch.tensor([8000, 5000])
    out = student(x, lengths)
    loss, parts = features(out.hidden_states, out.lengths, x, lengths)
    assert loss.item() == pytest.approx(-1, abs=1e-5)
    assert set(parts) == {"layer_0", "layer_1", "layer_2"}


def test_gradients_reach_the_student_and_the_projections_and_not_the_teacher():
    teacher, student = tiny_encoder(), tiny_encoder(seed=1).train()
    features = FeatureDistillation(teacher, student, [0, 2], projections=True)
    x = speech()
    loss, _ = features(student(x).hidden_states, None, x)
    loss.backward()
    assert all(p.grad is None and not p.requires_grad for p in teacher.parameters())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in features.projections.parameters())
    assert student.layers[1].feed_forward.up.weight.grad.abs().sum() > 0
    assert not teacher.training
    assert not any("teacher" in name for name in features.state_dict())


def test_a_narrower_student_is_compared_channel_by_channel_with_what_it_was():
    teacher = tiny_encoder()
    plan = Plan.to_shape(
        teacher, {"residual": 10}, {"residual": torch.rand(16, generator=torch.Generator().manual_seed(3))}
    )
    student = slim(teacher, plan)
    ids = student.shape["residual"]
    assert ids != list(range(10))
    features = FeatureDistillation(teacher, student, [1])
    x = speech()
    target = features.targets(x, None)[0]
    assert torch.equal(target, teacher(x).hidden_states[1][..., ids])
    # And where the teacher is narrower than the original too:
    second = slim(student, Plan.to_shape(student, {"residual": 6}))
    picked = FeatureDistillation(student, second, [1]).targets(x, None)[0]
    assert torch.equal(picked, student(x).hidden_states[1][..., [ids.index(c) for c in second.shape["residual"]]])


def test_a_student_that_is_no_descendant_is_refused():
    with pytest.raises(DistillationError, match="first is 7"):
        kept_channels([0, 1, 2], [1, 7])


@pytest.mark.parametrize("layers, told", [([0, 3], "hidden state 3"), ([], "no layers"), ([1, 1], "twice")])
def test_layers_are_checked(layers, told):
    with pytest.raises(DistillationError, match=told):
        FeatureDistillation(tiny_encoder(), tiny_encoder(), layers)


def test_default_layers_are_those_of_the_papers():
    assert default_layers(12) == [0, 4, 8, 12]
    assert default_layers(24) == [0, 8, 16, 24]
    assert default_layers(1) == [0, 1]


def test_groups_of_layers_share_one_projection():
    teacher, student = tiny_encoder(), tiny_encoder()
    features = FeatureDistillation(teacher, student, [0, 1, 2], projections=[[0], [1, 2]])
    assert len(features.projections) == 2
    with torch.no_grad():
        features.projections[1].weight.mul_(-1)
    x, lengths = speech(), torch.tensor([8000, 5000])
    out = student(x, lengths)
    _, parts = features(out.hidden_states, out.lengths, x, lengths)
    assert parts["layer_0"] < -0.99 and parts["layer_1"] > 0.99 and parts["layer_2"] > 0.99


def test_the_state_before_the_positional_convolution_can_be_imitated():
    """DPHuBERT's state 0. The hidden states are the same ones with and without it."""
    teacher, student = tiny_encoder(), tiny_encoder(seed=1).train()
    layers, groups = ["projected", 2], [["projected"], [2]]
    features = FeatureDistillation(teacher, student, layers, projections=groups)
    x, lengths = speech(), torch.tensor([8000, 5000])
    out = student(x, lengths)
    assert len(out.hidden_states) == 3 and not torch.equal(out.projected, out.hidden_states[0])
    projected, _ = student.frontend(x, lengths)
    valid = frame_mask(out.lengths, projected.shape[1])
    assert torch.equal(out.projected[valid], projected[valid]) and not out.projected[~valid].any()
    total, parts = features(out.hidden_states, out.lengths, x, lengths, projected=out.projected)
    told = teacher(x, lengths)
    wanted = [
        feature_distance(s, t, valid).item()
        for s, t in ((out.projected, told.projected), (out.hidden_states[2], told.hidden_states[2]))
    ]
    assert [parts["layer_projected"].item(), parts["layer_2"].item()] == pytest.approx(wanted, rel=1e-5)
    assert total.item() == pytest.approx(sum(wanted) / 2, rel=1e-5)

    alone = FeatureDistillation(teacher, student, ["projected"])
    alone(out.hidden_states, out.lengths, x, lengths, projected=out.projected)[0].backward()
    assert all(p.grad is not None for p in student.frontend.projection.parameters())
    assert all(p.grad is None for part in (student.positional, student.layers) for p in part.parameters())
    options = DistillationOptions(teacher="start", layers=layers, projections=groups)
    assert options.chosen(2) == layers
    with pytest.raises(ValueError, match="projected"):
        DistillationOptions(teacher="start", layers=["first"])


@pytest.mark.parametrize("groups", [[[0], [1]], [[0, 1], [1, 2]], [[0, 1, 2, 3]]])
def test_groups_have_to_share_out_the_layers(groups):
    with pytest.raises(DistillationError, match="every layer belongs in one group"):
        FeatureDistillation(tiny_encoder(), tiny_encoder(), [0, 1, 2], projections=groups)

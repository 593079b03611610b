"""Clipping of gradients, and that what it remembers survives a stop."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from sottovoce.recipe.training.training_stage_options import TrainingStageOptions
from sottovoce.tasks.objectives.speaker_loss import SpeakerLoss, SpeakerObjective
from sottovoce.training.loop import Compute, TrainingSetup, fit
from sottovoce.training.optimization.clipping import AutoClip, FixedClipping
from sottovoce.training.optimization.schedules import cosine
from sottovoce.training.steps import StepCallback
from sottovoce.training.terms import TaskTerm
from tiny_models import tiny_model


def weights(*gradients):
    made = [nn.Parameter(torch.zeros(len(g))) for g in gradients]
    for weight, gradient in zip(made, gradients, strict=True):
        weight.grad = torch.tensor(gradient)
    return made


def total(made):
    return float(torch.cat([each.grad for each in made]).norm())


def test_a_fixed_norm():
    steep, flat = weights([3.0, 0.0], [4.0]), weights([0.3, 0.4])
    assert float(FixedClipping(1.0)(steep)) == 5.0 and total(steep) == pytest.approx(1.0)
    FixedClipping(1.0)(flat)
    assert total(flat) == 0.5  # to the bit


def test_a_percentile_of_the_last_norms():
    clip, generator, norms = AutoClip(80, history=7), np.random.default_rng(0), []
    for _ in range(30):
        made = weights(generator.normal(size=5).astype(np.float32), (9 * generator.normal(size=3)).astype(np.float32))
        norms.append(total(made))
        clip(made)
        assert total(made) == pytest.approx(min(norms[-1], np.percentile(norms[-7:], 80)), rel=1e-5)


def test_a_step_that_is_going_to_be_skipped_says_nothing():
    clip = AutoClip()
    clip(weights([3.0, 4.0]))
    clip(weights([float("inf")]))
    made = weights([30.0, 40.0])
    clip(made)
    assert total(made) == pytest.approx(np.percentile([5.0, 50.0], 90))


class Noise(torch.utils.data.Dataset):
    """Batch ``k`` is a function of ``k``."""

    def __getitem__(self, step):
        generator = torch.Generator().manual_seed(step)
        waveform = torch.rand(1, generator=generator) * torch.randn(4, 1600, generator=generator)
        labels = torch.randint(3, (4,), generator=generator)
        return {"waveform": waveform, "lengths": torch.full((4,), 1600), "labels": labels, "ids": list("abcd")}


class Power(StepCallback):
    """Cut at a step."""

    def __init__(self, off):
        super().__init__()
        self.off = off

    def on_step(self, trainer, module, step):
        if step == self.off:
            raise KeyboardInterrupt


def trained(folder, clip, off=None, **changes):
    torch.manual_seed(0)
    model = tiny_model()
    objective = SpeakerObjective(model.head.size, list("abc"), SpeakerLoss())
    options = dict(
        name="test",
        seed=0,
        steps=8,
        batches=lambda rank, world: Noise(),
        terms=[TaskTerm(objective, weight=1.0, lr=1e-2, weight_decay=0.1)],
        encoder_lr=1e-3,
        head_lr=1e-2,
        weight_decay=0.1,
        rate=cosine(8),
        clip=clip,
        checkpoint_every=1,
        callbacks=[Power(off)] if off else [],
    )
    fit(model, TrainingSetup(**(options | changes)), Compute("cpu"), folder)
    return model.state_dict()


def test_what_it_remembers_is_part_of_the_training_state(tmp_path):
    clip = TrainingStageOptions(steps=8, clip={"percentile": 50, "history": 5}).clipping()
    straight = trained(tmp_path / "straight", clip)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "resumed", clip, off=5)
    resumed = trained(tmp_path / "resumed", clip)
    unclipped = trained(tmp_path / "unclipped", None)
    forgetful = trained(tmp_path / "other", partial(AutoClip, 50, 1))
    for name, tensor in straight.items():
        assert torch.equal(tensor.nan_to_num(7.0), resumed[name].nan_to_num(7.0)), name
    for other in (unclipped, forgetful):
        assert not torch.equal(straight["head.keys.weight"], other["head.keys.weight"])


class Heard(FixedClipping):
    """Clips nothing, and tells the norm that it saw."""

    def __init__(self, seen):
        super().__init__(float("inf"))
        self.seen = seen

    def limit(self, norm):
        self.seen.append(norm.item())
        return super().limit(norm)


class Used(StepCallback):
    """Norms of the gradients that the optimizer has used, of encoder and rest."""

    def __init__(self):
        super().__init__()
        self.encoder, self.rest = [], []

    def on_step(self, trainer, module, step):
        inside = {id(p) for p in module.model.encoder.parameters()}
        for place, chosen in ((self.encoder, True), (self.rest, False)):
            grads = [
                p.grad.flatten()
                for group in trainer.optimizers[0].param_groups
                for p in group["params"]
                if p.grad is not None and (id(p) in inside) == chosen
            ]
            place.append(torch.cat(grads).norm().item())


@pytest.mark.parametrize("accumulate", [1, 2])
def test_clipping_sees_the_scaled_gradients_of_the_encoder(tmp_path, accumulate):
    seen, used = {}, {}
    for factor in (1.0, 0.1):
        seen[factor], used[factor] = [], Used()
        clip, watch = partial(Heard, seen[factor]), [used[factor]]
        place = tmp_path / str(factor)
        trained(place, clip, steps=1, accumulate=accumulate, encoder_gradient=factor, callbacks=watch)
    (whole,), (part,) = used[1.0].encoder, used[0.1].encoder
    assert part == pytest.approx(0.1 * whole, rel=1e-5) and used[0.1].rest == used[1.0].rest
    assert seen[0.1] == [pytest.approx(float(np.hypot(0.1 * whole, used[1.0].rest[0])), rel=1e-5)]
    assert seen[1.0] == [pytest.approx(float(np.hypot(whole, used[1.0].rest[0])), rel=1e-5)] and seen[1.0] != seen[0.1]


def test_each_module_is_clipped_by_itself(tmp_path):
    """As w2v-BERT-2.0_SV does it: the norm of the model, and that of the weights of its loss."""
    seen, used = {}, Used()
    for by in ("all", "module"):
        options = TrainingStageOptions(steps=1, clip={"norm": 1e-3, "by": by})
        clip = partial(Heard, seen.setdefault(by, []))
        trained(tmp_path / by, clip, steps=1, clip_by=options.clipped_by())
    (whole,), (model, objective) = seen["all"], seen["module"]
    assert whole == pytest.approx(float(np.hypot(model, objective)), rel=1e-5) and 0 < objective < whole
    clip = TrainingStageOptions(steps=1, clip={"norm": 1e-3, "by": "module"})
    trained(tmp_path / "used", clip.clipping(), steps=1, clip_by=clip.clipped_by(), callbacks=[used])
    assert float(np.hypot(used.encoder[0], used.rest[0])) == pytest.approx(1e-3 * 2**0.5, rel=1e-4)


def test_gradients_are_scaled_without_clipping_too(tmp_path):
    used = [Used(), Used()]
    for watch, factor in zip(used, (1.0, 4.0), strict=True):
        trained(tmp_path / str(factor), None, steps=1, encoder_gradient=factor, callbacks=[watch])
    assert used[1].encoder == [pytest.approx(4 * used[0].encoder[0], rel=1e-5)]


class Gradients(StepCallback):
    """The gradients that the optimizer has used, by name."""

    def on_step(self, trainer, module, step):
        self.of = {name: p.grad.clone() for name, p in module.model.named_parameters() if p.grad is not None}


def test_gradients_of_the_front_end_have_a_factor(tmp_path):
    """They are those that a scaled gradient at the output of the convolutions gives, as `GradMultiply` of DiariZen does."""
    plain, scaled = Gradients(), Gradients()
    trained(tmp_path / "plain", None, steps=1, callbacks=[plain])
    trained(tmp_path / "scaled", None, steps=1, callbacks=[scaled], front_end_gradient=0.1)

    torch.manual_seed(0)
    model, batch = tiny_model().train(), Noise()[0]
    objective = SpeakerObjective(model.head.size, list("abc"), SpeakerLoss())
    last = model.encoder.frontend.conv[-1]
    last.register_forward_hook(
        lambda module, given, output: output.register_hook(lambda gradient: 0.1 * gradient) and None
    )
    objective.of(model(batch["waveform"], batch["lengths"]), batch)[0].backward()
    convolutions = {name for name in plain.of if ".frontend.conv." in f".{name}"}
    assert len(convolutions) >= 7 and len(convolutions) < len(plain.of)
    for name, weight in model.named_parameters():
        factor = 0.1 if name in convolutions else 1.0
        assert torch.allclose(scaled.of[name], factor * plain.of[name], rtol=1e-5, atol=1e-9), name
        assert (scaled.of[name] - weight.grad).norm() <= 1e-4 * weight.grad.norm() + 1e-7, name


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf")])
def test_factors_out_of_range(wrong):
    with pytest.raises(ValueError):
        TrainingStageOptions(steps=1, encoder_gradient=wrong)


@pytest.mark.parametrize("wrong", [0, {"percentile": 0}, {"percentile": 101}, {"history": 0}, {"percent": 90}])
def test_options_out_of_range(wrong):
    with pytest.raises(ValueError):
        TrainingStageOptions(steps=1, clip=wrong)

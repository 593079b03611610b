import tracemalloc
import weakref
from itertools import pairwise

import pytest
import torch
from torch.utils.data import Dataset

from sottovoce.distillation.features import FeatureDistillation
from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.errors import TrainingError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.pruner import Pruner
from sottovoce.tasks.objectives.speaker_loss import SpeakerLoss, SpeakerObjective
from sottovoce.training.checkpoints import StraightToDisk
from sottovoce.training.loop import Compute, TrainingModule, TrainingSetup, fit
from sottovoce.training.optimization.clipping import AutoClip
from sottovoce.training.optimization.schedules import cosine
from sottovoce.training.steps import StepCallback
from sottovoce.training.terms import BudgetTerm, DistillationTerm, TaskTerm, Term
from tiny_models import HEAD, tiny_model

CPU = Compute("cpu")


class Noise(Dataset):
    """Batch ``k`` is a function of ``k``."""

    def __getitem__(self, step):
        generator = torch.Generator().manual_seed(step)
        return {
            "waveform": 0.1 * torch.randn(4, 3200, generator=generator),
            "lengths": torch.tensor([3200, 3200, 2400, 3200]),
            "labels": torch.randint(3, (4,), generator=generator),
            "ids": list("abcd"),
        }


def setup(terms, **changes):
    options = dict(
        name="test",
        seed=0,
        steps=4,
        batches=lambda rank, world: Noise(),
        terms=terms,
        encoder_lr=1e-3,
        head_lr=1e-2,
        weight_decay=0.1,
        rate=cosine(4, warmup=2),
        checkpoint_every=100,
    )
    return TrainingSetup(**{**options, **changes})


def everything(model, lr=0.05):
    pruner = Pruner(model.encoder, Budget(params=0.5), steps=2, lr=lr)
    budget = BudgetTerm(pruner, seed=0, stage="test")
    teacher = tiny_model(seed=5).encoder
    distillation = DistillationTerm(FeatureDistillation(teacher, model.encoder, [0, 2]), weight=2.0, lr=1e-3)
    objective = SpeakerObjective(model.head.size, list("abc"), SpeakerLoss())
    return [budget, distillation, TaskTerm(objective, weight=0.5, lr=1e-2, weight_decay=0.1)]


class Watch(StepCallback):
    def __init__(self):
        super().__init__()
        self.seen, self.rates = [], []

    def on_step(self, trainer, module, step):
        self.seen.append((step, dict(module.logged)))
        self.rates.append({g["name"]: g["lr"] for g in trainer.optimizers[0].param_groups})


def test_the_loss_is_the_weighted_sum_of_its_terms(tmp_path):
    model, watch = tiny_model(), Watch()
    fit(model, setup(everything(model), callbacks=[watch]), CPU, tmp_path)
    assert [step for step, _ in watch.seen] == [1, 2, 3, 4]
    for _, values in watch.seen:
        total = values["loss/budget"] + 2 * values["loss/distillation"] + 0.5 * values["loss/task"]
        assert values["loss"].item() == pytest.approx(total.item(), rel=1e-5)
    assert {"sparsity/params", "target/params", "l1/params", "task/accuracy", "distillation/layer_2"} <= watch.seen[0][
        1
    ].keys()


def test_a_head_that_nothing_trains_stays_what_it_is(tmp_path):
    """Its running statistics, too."""
    torch.manual_seed(0)
    head = {"kind": "ecapa_tdnn", "channels": 8, "scale": 2, "bottleneck": 4, "wide": 8, "size": 6}
    model = TaskModel(TaskConfig(encoder=tiny_model().config.encoder, head=head, scoring="cosine"))
    model.head.requires_grad_(False)
    before = {name: each.clone() for name, each in model.head.state_dict().items()}
    assert any("running" in name for name in before)
    teacher = FeatureDistillation(tiny_model(seed=5).encoder, model.encoder, [0, 2])
    distillation = DistillationTerm(teacher, weight=1.0, lr=1e-3)
    fit(model, setup([distillation]), CPU, tmp_path)
    assert all(torch.equal(each, before[name]) for name, each in model.head.state_dict().items())
    model.head.requires_grad_(True)
    fit(model, setup([distillation]), CPU, tmp_path / "trained")
    assert any(not torch.equal(each, before[n]) for n, each in model.head.state_dict().items() if "running" in n)


def test_groups(tmp_path):
    model = tiny_model()
    module = TrainingModule(model, setup(everything(model)))
    groups = {g["name"]: g for g in module.configure_optimizers()["optimizer"].param_groups}
    of = {name: {id(p) for p in g["params"]} for name, g in groups.items()}
    assert of["gates"] == {id(module.terms[0].pruner.gates.log_alpha)}
    assert of["multipliers"] == {id(module.terms[0].pruner.lagrangian.l1), id(module.terms[0].pruner.lagrangian.l2)}
    assert of["encoder"] | of["encoder vectors"] == {id(p) for p in model.encoder.parameters()}
    assert of["head"] | of["head vectors"] == {id(p) for p in model.head.parameters()}
    everything_trained = [i for ids in of.values() for i in ids]
    assert len(everything_trained) == len(set(everything_trained))
    teacher = {id(p) for p in module.terms[1].features.teacher.parameters()}
    assert not teacher & set(everything_trained)


def test_accumulated_batches_make_the_step_of_one_large_batch(tmp_path):
    """The mean over two halves is the whole; drawn gates and dropout are the same in both halves' step."""

    class Halves(Dataset):
        def __getitem__(self, k):
            whole = Noise()[k // 2]
            half = slice(2 * (k % 2), 2 * (k % 2) + 2)
            return {key: value[half] for key, value in whole.items()}

    results = []
    for name, batches, accumulate in (("one", Noise, 1), ("two", Halves, 2)):
        model = tiny_model()
        objective = SpeakerObjective(model.head.size, list("abc"), SpeakerLoss())
        torch.manual_seed(1)
        torch.nn.init.normal_(objective.loss.weight)
        terms = [TaskTerm(objective, weight=1.0, lr=1e-2, weight_decay=0.0)]
        watch = Watch()
        made = setup(
            terms, batches=lambda rank, world, b=batches: b(), accumulate=accumulate, steps=3, callbacks=[watch]
        )
        fit(model, made, CPU, tmp_path / name)
        assert [step for step, _ in watch.seen] == [1, 2, 3]
        results.append(model.encoder.layers[1].feed_forward.up.weight.detach())
    assert (results[0] - results[1]).abs().max() < 1e-4
    assert (results[0] - tiny_model().encoder.layers[1].feed_forward.up.weight).abs().max() > 1e-4


def test_recomputing_activations_changes_nothing(tmp_path):
    weights = []
    for recompute in (False, True):
        torch.manual_seed(0)
        model = tiny_model(dropout=0.1)
        torch.manual_seed(0)
        fit(model, setup(everything(model), recompute=recompute), CPU, tmp_path / str(recompute))
        weights.append(model.state_dict())
        assert not model.is_gradient_checkpointing
    for name, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][name], atol=1e-5, equal_nan=True), name


def test_bf16_trains_float32_weights(tmp_path):
    model, watch = tiny_model(), Watch()
    before = model.head.keys.weight.clone()
    fit(model, setup(everything(model), callbacks=[watch]), Compute("cpu", precision="bf16-mixed"), tmp_path)
    assert model.head.keys.weight.dtype == torch.float32 and not torch.equal(before, model.head.keys.weight)
    assert watch.seen[-1][1]["loss"].dtype == torch.float32


def test_workers_change_nothing(tmp_path):
    weights = []
    for workers in (0, 2):
        torch.manual_seed(0)
        model = tiny_model()
        fit(model, setup(everything(model)), Compute("cpu", workers=workers), tmp_path / str(workers))
        weights.append(model.head.project.weight.detach())
    assert torch.equal(*weights)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    model = tiny_model()
    with torch.no_grad():
        model.head.project.bias.fill_(float("inf"))
    with pytest.raises(TrainingError, match="loss is nan at step 0"):
        fit(model, setup(everything(model)), CPU, tmp_path)


class Infinite(Term):
    """A loss that is infinite at some steps, with finite gradients."""

    def __init__(self, steps):
        super().__init__("infinite")
        self.steps = steps

    def begin(self, step):
        self.step = step

    def loss(self, model, batch, output):
        loss = 1e-4 * output.output.float().square().mean()  # what the first scale, 2^16, leaves finite
        return loss + (torch.inf if self.step in self.steps else 0.0), {}


HALF = Compute("cpu", precision="16-mixed")


class Weights(StepCallback):
    """Weights and running statistics after each step."""

    def __init__(self):
        super().__init__()
        self.all = []

    def on_step(self, trainer, module, step):
        states = {**module.model.encoder.state_dict(), **module.model.head.state_dict()}
        self.all.append({name: tensor.clone() for name, tensor in states.items()})


@pytest.mark.parametrize("accumulate", [1, 2])
def test_half_precision_leaves_out_a_step_whose_loss_is_infinite(tmp_path, accumulate):
    torch.manual_seed(0)
    head = {"kind": "ecapa_tdnn", "channels": 8, "scale": 2, "bottleneck": 4, "wide": 8, "size": 6}
    model = TaskModel(TaskConfig(encoder=tiny_model().config.encoder, head=head, scoring="cosine"))
    weights, watch = Weights(), Watch()
    given = setup([Infinite([2])], callbacks=[weights, watch], accumulate=accumulate, clip=AutoClip)
    with pytest.warns(UserWarning, match="1 of 4 steps were left out"):
        fit(model, given, HALF, tmp_path)
    assert [values["skipped"].item() for _, values in watch.seen] == [0, 0, 1, 1]
    changed = [any(not torch.equal(a[n], b[n]) for n in a) for a, b in pairwise(weights.all)]
    assert changed == [True, False, True]  # and no statistics either
    assert all(torch.isfinite(tensor).all() for tensor in weights.all[-1].values())


def test_activations_that_overflow_leave_no_trace(tmp_path):
    """Running statistics of a batch norm would stay infinite for good."""
    torch.manual_seed(0)
    head = {"kind": "ecapa_tdnn", "channels": 8, "scale": 2, "bottleneck": 4, "wide": 8, "size": 6}
    model = TaskModel(TaskConfig(encoder=tiny_model().config.encoder, head=head, scoring="cosine"))
    term = Infinite([])
    loud = lambda module, _, out: out * (torch.inf if term.step == 1 else 1.0)  # noqa: E731
    model.head.trunk.entry.conv.register_forward_hook(loud)
    with pytest.warns(UserWarning, match="1 of 4"):
        fit(model, setup([term]), HALF, tmp_path)
    assert all(torch.isfinite(buffer).all() for buffer in model.head.buffers())


def test_half_precision_gives_up_in_one_line(tmp_path):
    model = tiny_model()
    with pytest.raises(TrainingError, match="all 4 steps were left out.*bf16"):
        fit(model, setup([Infinite(range(99))]), HALF, tmp_path / "few")
    assert not model.training
    with pytest.raises(TrainingError, match=r"at every scale down to \d+e-05 \(3\d steps were left out\)"):
        fit(model, setup([Infinite(range(99))], steps=99), HALF, tmp_path / "many")


def test_a_stage_that_ends_with_an_error_leaves_the_model_as_a_finished_one_does(tmp_path):
    model = tiny_model()
    with pytest.raises(TrainingError, match="loss is inf at step 1"):
        fit(model, setup([Infinite([1])], recompute=True), CPU, tmp_path)
    assert not model.training and not model.is_gradient_checkpointing
    assert all(parameter.grad is None for parameter in model.parameters())


def test_what_follows_has_the_memory_of_training(tmp_path):
    model, kept, ways = tiny_model(), [], []

    class Keep(StepCallback):
        def on_step(self, trainer, module, step):
            kept.append(weakref.ref(trainer.optimizers[0]))
            ways.append(trainer.strategy.checkpoint_io)

    terms, keep = everything(model), Keep()
    teacher = weakref.ref(terms[1].teacher)
    fit(model, setup(terms, callbacks=[keep]), CPU, tmp_path)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert kept and all(each() is None for each in kept)
    assert teacher() is not None
    terms.clear()
    assert teacher() is None
    assert isinstance(ways[0], StraightToDisk)


def test_a_training_state_is_not_built_in_memory_first(tmp_path):
    state = {"weights": torch.randn(2_000_000), "step": 7}
    tracemalloc.start()
    try:
        StraightToDisk().save_checkpoint(state, tmp_path / "state")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    again = torch.load(tmp_path / "state", weights_only=True)
    assert torch.equal(again["weights"], state["weights"]) and again["step"] == 7
    assert peak < 2e6  # of 8e6 bytes


def test_statistics_of_a_frozen_encoder_rest(tmp_path):
    torch.manual_seed(0)
    shape = uniform_shape(
        hidden_size=16, layers=2, heads=2, ffn=24, conv_channels=(8,) * 7, positional_groups=None, convolution=12
    )
    encoder = EncoderConfig(shape=shape, head_dim=8, attention_heads=2, layer="conformer", convolution_norm="batch")
    model = TaskModel(TaskConfig(encoder=encoder, head=HEAD, scoring="cosine", task="verification"))
    statistics = {n: b.clone() for n, b in model.encoder.named_buffers() if "running" in n}
    assert len(statistics) == 4
    objective = SpeakerObjective(model.head.size, list("abc"), SpeakerLoss())
    for frozen in (True, False):
        model.encoder.requires_grad_(not frozen)
        terms = [TaskTerm(objective, weight=1.0, lr=1e-2, weight_decay=0.0)]
        fit(model, setup(terms, steps=1), CPU, tmp_path / str(frozen))
        now = dict(model.encoder.named_buffers())
        assert all(torch.equal(now[n], b) == frozen for n, b in statistics.items())

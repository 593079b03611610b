"""What stages do beyond what every run shows (tests/training/test_resume.py carries out a whole recipe)."""

import copy
import gc
import io
import json
import math

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from corpus import write_corpus
from sottovoce.data.batches.batches import StepBatches
from sottovoce.data.corpora.cuts import load_cut, read_cuts, write_cuts
from sottovoce.distillation.features import FeatureDistillation
from sottovoce.errors import RecipeError
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.costs import cost
from sottovoce.runs.compression import compress
from sottovoce.runs.stages import prune, training
from sottovoce.runs.stages.context import load_objective
from toy_recipe import toy, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def carry_out(data, tmp_path):
    said = io.StringIO()
    run = compress(write(data, tmp_path / "toy.yaml"), tmp_path / "run", console=Console(file=said, width=200))
    return run, said.getvalue()


def model_of(run, stage):
    return TaskModel.from_pretrained(str(run.model(stage)))


def tensors(model, prefix):
    return {n: t for n, t in model.state_dict().items() if n.startswith(prefix)}


def test_stages_branch_and_leave_alone_what_is_not_theirs(folder, tmp_path):
    data = toy(folder)
    data["data"]["test"] = {}
    data["stages"] = [
        {"fine_tune": {"steps": 1, "freeze": True}},
        {"slim": {"name": "magnitude", "start": "fine_tune"}},
        {
            "slim": {
                "name": "activation",
                "method": "activation",
                "start": "fine_tune",
                "budget": {"macs": 0.6},
                "round_to": 1,
            }
        },
        {"slim": {"name": "taylor", "method": "taylor", "start": "fine_tune", "batches": 2}},
        {"distill": {"steps": 1, "start": "magnitude", "distillation": {"teacher": "start"}}},
        {"fine_tune": {"name": "wide", "steps": 1, "start": "fine_tune", "loss": {"margin": 0.5}}},
    ]
    run, _ = carry_out(data, tmp_path)
    start, tuned, small = model_of(run, "start"), model_of(run, "fine_tune"), model_of(run, "magnitude")
    assert all(torch.equal(t, tensors(start, "encoder")[n]) for n, t in tensors(tuned, "encoder").items())
    assert not torch.equal(start.head.project.weight, tuned.head.project.weight)
    whole = cost(start.encoder)
    for name in ("magnitude", "taylor"):
        found = cost(model_of(run, name).encoder)
        assert found.params <= 0.5 * whole.params and run.finished(name)["equality"] < 1e-9
    found = cost(model_of(run, "activation").encoder)
    assert found.macs <= 0.6 * whole.macs and found.params > 0.5 * whole.params
    # Without the task's loss the head is not trained, and its objective is handed on.
    distilled = model_of(run, "distill")
    assert all(torch.equal(t, tensors(small, "head")[n]) for n, t in tensors(distilled, "head").items())
    assert any(not torch.equal(t, tensors(small, "encoder")[n]) for n, t in tensors(distilled, "encoder").items())
    assert run.objective("distill").read_bytes() == run.objective("magnitude").read_bytes()
    assert load_objective(run.objective("wide"))[0] == [f"toy/s{k}" for k in range(4)]


def test_unlabeled_audio_is_enough_to_distill(folder, tmp_path):
    cuts = list(read_cuts(folder / "train.jsonl.gz"))
    for cut in cuts:
        cut.supervisions.clear()
    write_cuts(cuts, tmp_path / "plain.jsonl.gz")
    data = toy(folder)
    data["data"]["test"] = {}
    data["data"]["corpora"]["plain"] = {"cuts": {"all": str(tmp_path / "plain.jsonl.gz")}}
    distillation = {"teacher": "start"}
    data["stages"] = [
        {"prune": {"steps": 2, "train": ["plain/all"], "distillation": distillation}},
        {"distill": {"steps": 1, "train": ["plain/all"], "distillation": distillation}},
    ]
    run, _ = carry_out(data, tmp_path)
    assert run.finished("distill") and not run.objective("distill").exists()
    data["stages"][1]["distill"]["task"] = 1.0
    with pytest.raises(ValueError, match="has no speaker"):
        compress(write(data, tmp_path / "b.yaml"), tmp_path / "other", console=Console(file=io.StringIO()))


def test_other_speakers_get_a_new_classifier_and_it_is_said(folder, tmp_path):
    other = write_corpus(tmp_path / "other", speakers=3)
    data = toy(folder)
    data["data"]["test"] = {}
    data["data"]["corpora"]["other"] = {"cuts": {"train": str(other / "train.jsonl.gz")}}
    data["stages"] = [{"fine_tune": {"steps": 1}}, {"fine_tune": {"name": "b", "steps": 1, "train": ["other/train"]}}]
    run, said = carry_out(data, tmp_path)
    assert "b: 3 labels, 0 of them known to the stage before: the classifier of others is new" in said
    assert load_objective(run.objective("b"))[0] == ["other/s0", "other/s1", "other/s2"]


def test_a_large_margin_stage(folder, tmp_path, monkeypatch):
    """Longer crops, a larger margin, no augmentation, no speed-perturbed speakers: whose rows go, the others stay."""
    heard = {}

    def listen(self, step, original=StepBatches.__getitem__):
        heard.setdefault(len(self.cuts), original(self, step))
        return heard[len(self.cuts)]

    monkeypatch.setattr(StepBatches, "__getitem__", listen)
    data = toy(folder)
    data["data"] |= {"test": {}, "train": ["toy/train", "toy/train@1.1"], "augment": [{"noise": {"probability": 1}}]}
    large = {"margin": 0.5, "margin_ramp": 0}
    data["stages"] = [
        {"fine_tune": {"steps": 1, "crop": 0.5}},
        {
            "fine_tune": {
                "name": "large-margin",
                "steps": 1,
                "lr": {"encoder": 0.0, "head": 0.0},
                "weight_decay": 0.0,
                "crop": 0.4,
                "augment": [],
                "train": ["toy/train"],
                "loss": large,
            }
        },
    ]
    run, said = carry_out(data, tmp_path)
    before, after = (run.objective(name) for name in ("fine_tune", "large-margin"))
    assert len(load_objective(before)[0]) == 8 and load_objective(after)[0] == [f"toy/s{k}" for k in range(4)]
    rows = [load_objective(before)[0].index(label) for label in load_objective(after)[0]]
    assert torch.equal(load_file(after)["loss.weight"], load_file(before)["loss.weight"][rows])
    assert "classifier of others is new" not in said

    # What the stage heard are stretches of the files as they are; the stage before heard noise on them.
    def is_clean(batch):
        known = {cut.id: load_cut(cut) for cut in read_cuts(folder / "train.jsonl.gz")}
        waves = zip(batch["waveform"], batch["ids"], strict=True)
        return [torch.equal(w, known[n].unfold(0, len(w), 1)[start_of(w, known[n])]) for w, n in waves if n in known]

    assert heard[12]["waveform"].shape == (2, 6400) and all(is_clean(heard[12]))
    assert not any(is_clean(heard[24]))


def start_of(part, whole):
    """Where in ``whole`` the stretch nearest to ``part`` begins."""
    return int((whole.unfold(0, len(part), 1) - part).abs().sum(1).argmin())


def test_the_best_weights_on_development_data_and_the_threshold(folder, tmp_path):
    data = toy(folder)
    data["data"]["dev"] = data["data"]["test"].pop("bands")
    data["stages"] = [{"fine_tune": {"steps": 4, "evaluate_every": 1, "keep": "best", "lr": {"encoder": 0.05}}}]
    run, _ = carry_out(data, tmp_path)
    results = run.finished("fine_tune")
    values = {int(step): value for step, value in results["evaluated"].items()}
    assert set(values) == {1, 2, 3, 4}
    assert values[results["weights_of_steps"][0]] == min(values.values()) == results["dev"]["eer"]
    assert model_of(run, "fine_tune").scoring.threshold.item() == pytest.approx(results["dev"]["threshold"])
    logged = {row["step"]: row["dev/eer"] for row in run.history() if "dev/eer" in row}
    assert logged == pytest.approx(values)


def test_what_does_not_fit_the_encoder_is_told_before_any_stage_runs(folder, tmp_path):
    data = copy.deepcopy(toy(folder))
    data["stages"][1]["prune"]["distillation"]["layers"] = [0, 7]
    data["stages"][1]["prune"]["kinds"] = ["conv", "convolution"]
    with pytest.raises(RecipeError) as caught:
        carry_out(data, tmp_path)
    assert "stages[1].prune.distillation.layers[1]: the network has the hidden states 0..2, not 7" in str(caught.value)
    assert "stages[1].prune.kinds[1]: this network has no unit of the kind 'convolution'" in str(caught.value)
    assert not (tmp_path / "run" / "stages").exists()


def test_results_say_what_pruning_reached(folder, tmp_path):
    data = toy(folder)
    data["stages"] = data["stages"][:2]
    run, said = carry_out(data, tmp_path)
    results = run.finished("prune")
    assert results["target_sparsity"] == {"params": 0.5}
    assert json.loads(run.plan("prune").read_text())["after"]["params"] == results["cost"]["params"]
    assert results["cost"]["params"] <= 0.5 * results["budget_reference"]["params"]
    assert "gates: " in said and "learning rate" in said


def target_at(form, x, start, end):
    """The four ramps of 2508.16232, written down anew."""
    way = {
        "linear": x,
        "cosine": math.sin(math.pi * x / 2) ** 2,
        "quadratic_fast_start": x * (2 - x),
        "sigmoid": 0.5 + 0.5 * math.tanh(5 * (x - 0.5)) / math.tanh(2.5),
    }[form]
    return start + (end - start) * way


@pytest.mark.parametrize(
    ("form", "budget"),
    [
        ("linear", {"params": 0.5}),
        ("cosine", {"macs": 0.6, "seconds": 0.5}),
        ("quadratic_fast_start", {"per": {"frontend": {"params": 0.7}, "layers": {"params": 0.6}}}),
        ("sigmoid", {"params": 0.6, "macs": 0.7}),
    ],
)
def test_the_task_alone_prunes_along_any_ramp_under_any_budget(folder, tmp_path, form, budget):
    """As in 2302.14132 and 2508.16232: no teacher, and one constraint or several."""
    data = toy(folder, budget=budget)
    data["data"]["test"] = {}
    data["stages"] = [{"prune": {"steps": 6, "ramp": {"form": form, "steps": 5}, "round_to": 1, "log_every": 1}}]
    run, _ = carry_out(data, tmp_path)
    start, small = model_of(run, "start"), model_of(run, "prune")
    assert not torch.equal(start.head.project.weight, small.head.project.weight)  # the task's loss trains the head
    before, after = (cost(model.encoder, budget.get("seconds", 8.0)) for model in (start, small))
    parts = budget.get("per") or {"": {what: budget[what] for what in ("params", "macs") if what in budget}}
    shares = [(part, what, share) for part, limit in parts.items() for what, share in limit.items()]
    left = []
    for part, what, share in shares:
        whole, rest = (getattr(each.parts[part] if part else each, what) for each in (before, after))
        left.append(rest / (share * whole))
    assert 0.8 < max(left) <= 1
    reached = run.finished("prune")["target_sparsity"]
    assert list(reached.values()) == pytest.approx([1 - share for _, _, share in shares])
    rows = [row for row in map(json.loads, run.metrics.read_text().splitlines()) if row["stage"] == "prune"]
    for name, end in reached.items():
        targets = {row["step"]: row[f"target/{name}"] for row in rows}
        first = targets[1]  # what is gone at the start, with gates nearly open
        assert 0 <= first < 0.05
        for step, target in targets.items():
            assert target == pytest.approx(target_at(form, min((step - 1) / 5, 1), first, end), rel=1e-4)


def test_the_teacher_is_let_go_of_before_slimming(folder, tmp_path, monkeypatch):
    """Slimming a large network needs the memory."""
    data = toy(folder)
    data["data"]["test"] = {}
    data["stages"] = data["stages"][:2]
    alive = []

    def listen(*arguments):
        alive.append([each for each in gc.get_objects() if type(each) is FeatureDistillation])
        return original(*arguments)

    original = prune.carry_out_plan
    monkeypatch.setattr(prune, "carry_out_plan", listen)
    carry_out(data, tmp_path)
    assert alive == [[]]


def test_every_option_of_training_reaches_the_loop(folder, tmp_path, monkeypatch):
    """All different from their defaults; what each does there is tested in tests/training."""
    setups = {}
    monkeypatch.setattr(training, "fit", lambda model, setup, *others: setups.setdefault(setup.name, setup))
    loop = {
        "steps": 7,
        "weight_decay": 0.2,
        "decays": "all",
        "optimizer": "adam",
        "encoder_gradient": 0.3,
        "front_end_gradient": 0.1,
        "accumulate": 3,
        "checkpoint_every": 5,
        "recompute": True,
    }
    given = {"lr": {"encoder": 0.02, "head": 0.03}, "clip": {"norm": 0.7, "by": "module"}, "warmup": 2}
    data = toy(folder)
    data["data"]["test"] = {}
    data["stages"] = [
        {"fine_tune": {**loop, **given, "decay": {"exponential": {"final": 0.25}}, "evaluate": False}},
        {"distill": {"steps": 1, "distillation": {"teacher": "start", "reduction": "sum", "layers": ["projected", 2]}}},
    ]
    carry_out(data, tmp_path)
    setup = setups["fine_tune"]
    assert {name: getattr(setup, name) for name in loop} == loop
    assert (setup.encoder_lr, setup.head_lr, setup.clip_by, setup.clip().largest) == (0.02, 0.03, "module", 0.7)
    assert [setup.rate(step) for step in (0, 1, 7)] == [0.0, pytest.approx(0.5 * 0.25 ** (1 / 7)), pytest.approx(0.25)]
    (term,) = setups["distill"].terms
    assert (term.features.reduction, term.features.layers) == ("sum", ("projected", 2))

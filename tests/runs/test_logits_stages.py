"""Stages that imitate outputs: what is trained, on what, and which teachers are refused before anything is."""

import copy
import io
import json

import pytest
import torch
import yaml
from rich.console import Console

from sottovoce.data.corpora.cuts import read_cuts, write_cuts
from sottovoce.distillation.logits import FrameDistillationLoss, LogitsDistillation
from sottovoce.errors import RecipeError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.recipe.distillation_options import DistillationOptions
from sottovoce.runs.compression import compress
from sottovoce.runs.teachers import check_teacher
from sottovoce.tasks.diarization import Diarization
from sottovoce.tasks.intent import Intent
from sottovoce.tasks.recognition import Recognition
from sottovoce.tasks.spoofing import Spoofing
from sottovoce.training.loop import Compute, TrainingSetup, fit
from sottovoce.training.optimization.schedules import constant
from sottovoce.training.steps import StepCallback
from sottovoce.training.terms import DistillationTerm
from tiny_models import randomized, speech, tiny_config, tiny_encoder
from tones import tone_recipe, write_tones
from toy_recipe import toy

LOGITS = {"weight": 1.0, "temperature": 2.0}
LABELS = ["-", *"abcd"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = write_tones(tmp_path_factory.mktemp("tones"), train=8, dev=2, test=2)
    cuts = list(read_cuts(folder / "train.jsonl.gz"))
    for cut in cuts:
        cut.supervisions.clear()
    write_cuts(cuts, folder / "plain.jsonl.gz")
    return folder


def recipe_of(corpus, head, stages):
    data = tone_recipe(corpus, head=head)
    data["data"]["corpora"]["tones"]["cuts"]["plain"] = str(corpus / "plain.jsonl.gz")
    data["data"] |= {"test": {}, "dev": None, "batch": 4}
    data["encoder"]["config"]["hidden_size"] = 16
    data["stages"] = [{"fine_tune": {"steps": 1, "evaluate": False}}, *stages]
    return data


def carry_out(data, place):
    (place / "recipe.yaml").write_text(yaml.safe_dump(data))
    return compress(place / "recipe.yaml", place / "run", console=Console(file=io.StringIO()))


def changed(run, before, after, part):
    first, second = (TaskModel.from_pretrained(str(run.model(stage))).state_dict() for stage in (before, after))
    return any(not torch.equal(first[name], second[name]) for name in first if name.startswith(part))


def logged(run, stage):
    rows = [json.loads(row) for row in run.metrics.read_text().splitlines()]
    return next(row for row in rows if row["stage"] == stage)


def test_logits_train_the_head_on_audio_without_labels(corpus, tmp_path):
    plain = {"steps": 2, "lr": {"encoder": 1e-2, "head": 1e-2}, "train": ["tones/plain"], "evaluate": False}
    both, alone = ({"teacher": "fine_tune", "logits": LOGITS, **more} for more in ({}, {"layers": []}))
    stages = [
        {"prune": {**plain, "distillation": both, "kinds": ["ffn"], "budget": {"params": 0.9}}},
        {"distill": {**plain, "distillation": alone}},
        {"distill": {**plain, "name": "features", "distillation": {"teacher": "fine_tune"}}},
    ]
    run = carry_out(recipe_of(corpus, {"ctc": {"width": 8}}, stages), tmp_path)
    assert changed(run, "fine_tune", "prune", "head") and changed(run, "prune", "distill", "encoder.layers.0")
    assert changed(run, "prune", "distill", "head.output") and not changed(run, "distill", "features", "head")
    assert {"distillation/logits", "distillation/layer_2"} <= logged(run, "prune").keys()
    row = logged(run, "distill")
    assert row["loss/distillation"] == row["distillation/logits"] > 0 and "distillation/layer_2" not in row
    card = (run.model("prune") / "README.md").read_text()
    assert "distillation of features and logits from fine_tune" in card


def test_a_transducer_is_imitated_on_its_transcripts(corpus, tmp_path):
    imitated = {"teacher": "fine_tune", "logits": {}, "layers": []}
    pruned = {"steps": 2, "distillation": imitated, "kinds": ["joiner"], "scope": "model", "budget": {"params": 0.99}}
    pruned["round_to"] = 1
    head = {"transducer": {"predictor": 8, "width": 12}}
    data = recipe_of(corpus, head, [{"prune": pruned}, {"distill": {"steps": 1, "distillation": imitated}}])
    run = carry_out(data, tmp_path)
    assert changed(run, "prune", "distill", "head.joiner") and changed(run, "prune", "distill", "head.predictor")
    small = TaskModel.from_pretrained(str(run.model("prune"))).head
    assert logged(run, "prune")["distillation/logits"] >= 0 and small.joiner.output.in_features < 12
    data["stages"][1]["prune"]["train"] = ["tones/plain"]
    (tmp_path / "b").mkdir()
    with pytest.raises(ValueError, match="has no transcript"):
        carry_out(data, tmp_path / "b")


# --- what a student learns of it ---


def recognizer(seed):
    torch.manual_seed(seed)
    head = {"kind": "ctc", "outputs": 5, "width": 8}
    config = TaskConfig(encoder=tiny_config(), head=head, task="recognition", labels=LABELS)
    return randomized(TaskModel(config), seed).eval()


class Noise(torch.utils.data.Dataset):
    def __getitem__(self, step):
        return {"waveform": speech(4, 4800, seed=step), "lengths": torch.tensor([4800, 4800, 3000, 4000])}


class Watch(StepCallback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_step(self, trainer, module, step):
        self.seen.append(module.logged["distillation/logits"].item())


def test_a_student_learns_to_say_what_its_teacher_says(tmp_path):
    teacher, student, watch = recognizer(1), recognizer(1), Watch()
    with torch.no_grad():
        teacher.head.output.weight.normal_(std=2)  # sure of itself, and of another thing in every frame
    term = DistillationTerm(None, LogitsDistillation(teacher, FrameDistillationLoss()), weight=1.0, lr=0.0)
    setup = TrainingSetup(
        name="test", seed=0, steps=40, batches=lambda rank, world: Noise(), terms=[term], encoder_lr=1e-3,
        head_lr=5e-2, weight_decay=0.0, rate=constant(), callbacks=[watch],
    )  # fmt: skip
    fit(student, setup, Compute("cpu"), tmp_path)
    assert sum(watch.seen[-5:]) / 5 < 0.25 * watch.seen[0]


# --- every task ---


def models(task, head, labels, **more):
    torch.manual_seed(0)
    scoring = "llr" if task == "spoofing" else None
    config = TaskConfig(encoder=tiny_config(), head=head, task=task, labels=labels, scoring=scoring, **more)
    return [randomized(TaskModel(config), seed).eval() for seed in (1, 2)]


MHFA = {"kind": "mhfa", "width": 6, "heads": 3, "size": 10}
POWERSET = {"kind": "powerset", "width": 8, "blocks": 1, "inner": 8, "heads": 2, "kernel": 3, "speakers": 2}
ORDERS = ["intent=a", "intent=b", "slot:x=1", "slot:x=2", "slot:x=none"]
EVERY = {
    "diarization": (Diarization(), POWERSET, ["nobody", "1", "2", "1+2"]),
    "intent": (Intent(slots=["x"]), {"kind": "classifier", "embedding": MHFA, "classes": 5}, ORDERS),
    "intent, spelt": (Intent(head={"ctc": {}}), {"kind": "ctc", "outputs": 5, "width": None}, LABELS),
    "recognition": (Recognition(), {"kind": "ctc", "outputs": 5, "width": 8}, LABELS),
    "spoofing": (Spoofing(), {"kind": "classifier", "embedding": MHFA, "classes": 2}, ["spoof", "bonafide"]),
    "spoofing, one class": (
        Spoofing(loss={"kind": "one_class"}),
        {"kind": "classifier", "embedding": MHFA, "classes": 1, "angular": True},
        ["spoof", "bonafide"],
    ),
}


@pytest.mark.parametrize("name", EVERY)
def test_the_outputs_of_every_task(name):
    task, head, labels = EVERY[name]
    student, teacher = models(name.partition(",")[0], head, labels)
    check_teacher(teacher, student)
    imitated = LogitsDistillation(teacher, task.distillation_loss(student, teacher, 2.0))
    batch = {"waveform": speech(), "lengths": torch.tensor([8000, 5000])}
    answer = imitated.teacher_output(batch)
    assert imitated(teacher(**batch), answer, batch).item() == pytest.approx(0, abs=1e-7)
    distance = imitated(student(**batch), answer, batch)
    distance.backward()
    reached = [p.grad.abs().sum() for p in student.head.parameters() if p.grad is not None]
    assert distance > 1e-6 and len(reached) > 2 and sum(reached) > 0


# --- bad input ---


def test_nothing_to_imitate():
    for wrong, told in (
        ({"layers": []}, "nothing is imitated"),
        ({"layers": [], "logits": {}, "projections": True}, "leave"),
    ):
        with pytest.raises(RecipeError, match=told):
            DistillationOptions(teacher="a", **wrong)
    for wrong in ({"temperature": 0}, {"weight": 0}, {"temprature": 1}):
        with pytest.raises(RecipeError):
            DistillationOptions(teacher="a", logits=wrong)


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    """One for each fault."""
    place = tmp_path_factory.mktemp("teachers")
    tiny_encoder().save_pretrained(place / "bare")
    other = models("recognition", {"kind": "ctc", "outputs": 3, "width": 8}, ["-", "y", "z"])[0]
    other.save_pretrained(place / "others")
    models("spoofing", *EVERY["spoofing"][1:])[0].save_pretrained(place / "spoofing")
    head = {"kind": "transducer", "outputs": 5, "predictor": 8, "width": 8}
    models("recognition", head, LABELS)[0].save_pretrained(place / "transducer")
    return place


@pytest.mark.parametrize(
    "teacher, told",
    [
        ("bare", "is an encoder without a head, so it has no logits; leave logits out"),
        ("others", "its outputs are 3 labels, '-' among them|its outputs are 3 labels, 'y' among them, the student's"),
        ("spoofing", "it is a model for spoofing, the student for recognition; take a teacher for the same task"),
        ("transducer", "its head has kind 'transducer', the student's would have 'ctc'"),
        ("start", "the head of start has not been trained, so its logits are random; fine-tune it first"),
    ],
)
def test_teachers_are_refused_before_anything_is_trained(corpus, teachers, tmp_path, teacher, told):
    source = teacher if teacher == "start" else str(teachers / teacher)
    distill = {"steps": 1, "distillation": {"teacher": source, "logits": {}}}
    with pytest.raises(RecipeError, match=told) as caught:
        carry_out(recipe_of(corpus, {"ctc": {"width": 8}}, [{"distill": distill}]), tmp_path)
    assert (
        str(caught.value).startswith("toy: stages[1].distill.distillation.")
        and not (tmp_path / "run" / "models").exists()
    )


def test_a_slim_model_whose_head_never_learned_is_no_teacher_either(corpus, tmp_path):
    plain = recipe_of(corpus, {"ctc": {"width": 8}}, [{"slim": {"kinds": ["ffn"], "budget": {"params": 0.9}}}])
    plain["stages"] = [plain["stages"][1], {"distill": {"steps": 1, "distillation": {"teacher": "slim", "logits": {}}}}]
    with pytest.raises(RecipeError, match="the head of slim has not been trained"):
        carry_out(plain, tmp_path)


def test_outputs_of_other_lengths():
    student, teacher = (copy.deepcopy(model) for model in models("recognition", *EVERY["recognition"][1:]))
    teacher.head.output_lengths = lambda lengths: lengths // 2
    with pytest.raises(RecipeError, match="it makes 199 frames of 8 s, the student 399"):
        check_teacher(teacher, student)


def test_embeddings_have_no_temperature(tmp_path):
    data = toy(tmp_path)
    data["data"]["test"] = {}
    imitated = {"teacher": "fine_tune", "logits": LOGITS}
    data["stages"] = [{"fine_tune": {"steps": 1}}, {"distill": {"steps": 1, "distillation": imitated}}]
    with pytest.raises(RecipeError, match="logits: teacher fine_tune: embeddings .* no temperature; leave it out"):
        carry_out(data, tmp_path)
    imitated["logits"] = {}
    (tmp_path / "b").mkdir()
    assert changed(carry_out(data, tmp_path / "b"), "fine_tune", "distill", "head")

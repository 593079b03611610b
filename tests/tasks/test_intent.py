"""Intents and slots as a task of the one loop: both forms, labels, scores."""

import json

import numpy as np
import pytest
import soundfile
import torch
import yaml
from torch.nn import functional as F

from sottovoce.data.batches.targets import SLUTargets
from sottovoce.data.corpora.cuts import make_cut, read_cuts, write_cuts
from sottovoce.errors import DataError, RecipeError
from sottovoce.metrics.semantics import Semantics
from sottovoce.models.task_model import TaskModel
from sottovoce.report.run_report import METRICS
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.tasks.intent import Intent, understand
from sottovoce.tasks.slu_formulations import ClassObjective, IntentLoss
from sottovoce.tasks.task import EvaluationData
from tones import RATE, spoken, tone_recipe

SIZES = {"": "none", "c": "s", "d": "xl"}
POOLING = {"channel_attentive": {"bottleneck": 8}}
SMALL_HEAD = {"pooled": {"width": 24, "size": 16, "fusion": {"sum": {}}, "pooling": POOLING}}


def write_orders(folder, **counts):
    """An order is two tones: what is wanted (a tea, b coffee), then a size (c, d) or none."""
    generator = np.random.default_rng(0)
    for split, count in counts.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        cuts = []
        for number in range(count):
            drink, size = str(generator.choice(["a", "b"])), str(generator.choice(list(SIZES)))
            name = f"{split}/{number}.wav"
            wave = spoken(drink + size, seed=number)
            soundfile.write(folder / name, wave, RATE)
            slots = [{"type": "size", "filler": SIZES[size]}] if size else []
            fields = {"intent": "tea" if drink == "a" else "coffee", "slots": slots, "hall": f"h{number % 2}"}
            said = dict(samples=len(wave), rate=RATE, speaker=f"s{number % 4}", custom=fields)
            cuts.append(make_cut(name=name, source=name, **said))
        write_cuts(cuts, folder / f"{split}.jsonl.gz")
    return folder


@pytest.fixture
def orders(tmp_path):
    return write_orders(tmp_path / "orders", train=120, test=24)


def recipe(folder, **task):
    plain = tone_recipe(folder)
    plain["task"] = {"intent": {"head": SMALL_HEAD, "slots": ["size"], "split": "hall", "draws": 5, **task}}
    splits = {split: str(folder / f"{split}.jsonl.gz") for split in ("train", "test")}
    plain["data"] |= {"corpora": {"tones": {"cuts": splits}}, "dev": None}
    plain["stages"][0]["fine_tune"]["steps"] = 60
    plain["stages"][2]["distill"]["steps"] = 2
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(plain))
    return path


def results(run, stage):
    return json.loads((run / "stages" / f"{stage}.json").read_text())


HEADS = {
    "pooled": SMALL_HEAD,
    "ctc": {"ctc": {"width": 24}},
    "transducer": {"transducer": {"predictor": 16, "width": 24}},
}


@pytest.mark.parametrize("kind", HEADS)
def test_the_loop_trains_prunes_and_scores_it(orders, tmp_path, kind):
    path = recipe(orders, head=HEADS[kind])
    if kind != "pooled":  # which has alignments to find as well
        steps = {"ctc": 110, "transducer": 200}[kind]
        path.write_text(path.read_text().replace("steps: 60", f"steps: {steps}"))
    compress(read_recipe(path), run=tmp_path / "run")
    dense, slim = (results(tmp_path / "run", stage) for stage in ("fine_tune", "distill"))
    numbers = dense["test"]["unheard"]
    assert numbers["exact_match"] > 0.6  # a sixth is chance
    assert numbers["recordings"] == 24 and "over 4 speakers" in numbers["protocol"]
    assert set(numbers["by_hall"]) == {"h0", "h1"}
    assert slim["cost"]["params"] <= 0.5 * dense["cost"]["params"]
    # What was saved gives the numbers that were printed, one file at a time.
    model = TaskModel.from_pretrained(str(tmp_path / "run" / "models" / "distill")).eval()
    cuts = list(read_cuts(orders / "test.jsonl.gz"))
    alone = {cut.id: understand(model, [cut])[cut.id].semantics for cut in cuts}
    task = read_recipe(path).task.options
    right = np.mean([alone[cut.id] == task.meaning(cut) for cut in cuts])
    assert slim["test"]["unheard"]["exact_match"] == pytest.approx(right)
    halls = [slim["test"]["unheard"]["by_hall"][hall]["exact_match"] for hall in ("h0", "h1")]
    assert np.mean(halls) == pytest.approx(right)


def cut(name, speaker=None, **fields):
    return make_cut(name=name, source="x.wav", samples=16_000, rate=16_000, speaker=speaker, custom=fields)


def test_meanings_come_from_fields_or_from_the_list_of_slots():
    listed = [{"type": "size", "filler": "large"}, {"type": "drink", "filler": "tea"}]
    task = Intent(slots=["drink", "size"])
    expected = Semantics({"intent": "order"}, (("drink", "tea"), ("size", "large")))
    assert task.meaning(cut("a", intent="order", slots=listed)) == expected
    assert task.meaning(cut("b", intent="order", slots={"size": "large", "drink": "tea"})) == expected
    assert task.meaning(cut("c", intent="order", drink="tea", size="large")) == expected
    assert task.meaning(cut("d", intent="order", drink="tea", size="none")).slots == (("drink", "tea"),)
    assert task.meaning(cut("e", intent="order", drink="tea", size="")).slots == (("drink", "tea"),)
    assert task.meaning(cut("f", intent="order", slots=[])).slots == ()
    # A field of that name counts before the list, which may know it by another word.
    assert task.meaning(cut("g", intent="order", drink="tea", slots=listed)).slots == (
        ("drink", "tea"),
        ("size", "large"),
    )
    everything = Intent(slots="all").meaning(cut("h", intent="order", slots=listed))
    assert everything.slots == (("size", "large"), ("drink", "tea"))
    assert Intent().meaning(cut("i", intent="order", slots=listed)).slots == ()


def test_cuts_that_do_not_say_what_they_mean_are_named():
    task = Intent(slots=["size"])
    with pytest.raises(DataError, match="cut a: has no intent; give it one"):
        task.labels([cut("a", size="large")])
    with pytest.raises(DataError, match="cut b: has neither a field size nor slots"):
        task.labels([cut("b", intent="order")])
    with pytest.raises(DataError, match="cut c: has no slots; where none is filled, the list is empty"):
        Intent(slots="all").labels([cut("c", intent="order")])
    for wrong in ("large", ["ab"], [{"type": "size"}], [{"type": "size", "filler": 3}], {"size": None}):
        with pytest.raises(DataError, match="cut d: its slots are"):
            task.labels([cut("d", intent="order", slots=wrong)])
    with pytest.raises(DataError, match=r"means the same \(intent=order, slot:size=large\)"):
        task.labels([cut(name, intent="order", size="large") for name in "ef"])
    train = [cut("g", intent="order", size="large"), cut("h", intent="order", size="none")]
    with pytest.raises(DataError, match="cut i: its slot:size is 'huge', which is not among the 2"):
        task.targets([cut("i", intent="order", size="huge")], task.labels(train))
    sequence = Intent(slots=["size"], head={"ctc": {}})
    with pytest.raises(DataError, match="cut j: intents: 'h', 'u' is not among"):
        sequence.targets([cut("j", intent="order", size="huge")], sequence.labels(train))


def test_options_that_make_no_sense_together():
    for wrong, told in (
        ({"intents": [], "slots": []}, "at least one"),
        ({"intents": ["a"], "slots": ["a"]}, "names must be different"),
        ({"slots": ["a=b"]}, "a=b.: names must be different and without '='"),
        ({"head": {"ctc": {}}, "loss": {"smoothing": 0.1}}, "loss.smoothing is an option of heads that classify"),
        ({"head": {"ctc": {}}, "loss": {"ctc": 0.1}}, "loss.ctc and warmup are for the head transducer"),
        ({"head": SMALL_HEAD, "loss": {"warmup": 5}}, "loss.ctc and warmup are for the head transducer"),
        ({"head": {"ctc": {}, "mhfa": {}}}, "give exactly one of mhfa, pooled, .*, ctc"),
        ({"slot": ["a"]}, "Extra inputs"),
    ):
        with pytest.raises(ValueError, match=told):
            Intent.model_validate(wrong)


def test_the_loss_is_the_sum_or_mean_of_cross_entropies():
    labels = ["intent=a", "intent=b", "slot:x=1", "slot:x=2", "slot:x=none"]
    output, answers = torch.randn(7, 5), torch.stack([torch.randint(0, 2, (7,)), torch.randint(0, 3, (7,))], 1)
    first = F.cross_entropy(output[:, :2], answers[:, 0], label_smoothing=0.1)
    second = F.cross_entropy(output[:, 2:], answers[:, 1], label_smoothing=0.1)
    for kind, expected in (("sum", first + second), ("mean", (first + second) / 2)):
        objective = ClassObjective(labels, IntentLoss(smoothing=0.1, questions=kind))
        loss, values = objective(output, {"labels": answers})
        assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    right = [(output[:, :2].argmax(1) == answers[:, 0]).float(), (output[:, 2:].argmax(1) == answers[:, 1]).float()]
    assert values["accuracy"].item() == pytest.approx(torch.cat(right).mean().item())
    with pytest.raises(DataError, match="no labels; set the weight of the task loss to 0"):
        objective(output, {})


def test_batches_carry_an_answer_to_every_question():
    task = Intent(slots=["size"])
    cuts = [cut("a", intent="order", size="none"), cut("b", intent="cancel", size="large")]
    targets = task.targets(cuts, task.labels(cuts))
    assert isinstance(targets, SLUTargets)
    found = targets.collate([targets.of(each, 0, 16_000) for each in cuts])["labels"]
    assert found.tolist() == [[1, 1], [0, 0]]  # cancel, order; large, none
    assert targets.groups(cuts) == [1, 0]


def test_labels_unknown_to_training_count_as_wrong_and_are_named(orders):
    read = read_recipe(recipe(orders))
    train = list(read_cuts(orders / "train.jsonl.gz"))
    model = read.encoder.build(read.task.options, 0, train).eval()
    assert model.config.labels == [
        "intent=coffee", "intent=tea", "slot:size=none", "slot:size=s", "slot:size=xl",
    ]  # fmt: skip
    test = list(read_cuts(orders / "test.jsonl.gz"))
    for each in test:
        each.supervisions[0].custom["intent"] = "water"
    numbers = read.task.options.evaluate(model, EvaluationData(test))
    assert numbers["intent_accuracy"] == numbers["exact_match"] == 0.0
    assert numbers["unknown_to_training"] == {"intent=water": 24}
    assert "24 labels are unknown to training and count as wrong, such as 'intent=water'" in numbers["protocol"]
    assert "intent accuracy 0.0 %" in read.task.options.summary(numbers)


def test_a_recording_without_a_prediction_is_wrong():
    task = Intent()
    cuts = [cut("a", intent="x", slurp_id="1"), cut("b", intent="y", slurp_id="1"), cut("c", intent="x", slurp_id="2")]
    found = {"a": Semantics({"intent": "x"}), "b": Semantics({"intent": "y"})}
    numbers = task.score(cuts, found, ["intent=x", "intent=y"])
    assert numbers["intent_accuracy"] == pytest.approx(2 / 3)
    assert "all 3 recordings scored, 95 % interval over 2 sentences" in numbers["protocol"]
    assert "slot_f1" not in numbers and "by_microphone" not in numbers


def test_a_report_shows_what_the_task_tells():
    cuts = [cut("a", intent="x", size="large"), cut("b", intent="y", size="none")]
    task = Intent(slots=["size"])
    numbers = task.score(cuts, {}, task.labels(cuts))
    shown = {METRICS[key][0] for key in numbers.keys() & METRICS.keys()}
    assert shown == {"exact match", "intent accuracy", "slot accuracy", "slot F1", "SLU-F1"}
    assert all(name in task.summary(numbers) for name in shown)


def test_several_intent_fields_are_one_intent_together():
    task = Intent(intents=["scenario", "action"])
    cuts = [cut("a", scenario="alarm", action="set"), cut("b", scenario="music", action="set")]
    found = dict.fromkeys("ab", Semantics({"scenario": "alarm", "action": "set"}))
    numbers = task.score(cuts, found, task.labels(cuts))
    assert numbers["intent_accuracy"] == 0.5
    assert numbers["intent_accuracy_by_field"] == {"scenario": 0.5, "action": 1.0}


def test_crops_have_no_meaning(orders):
    path = recipe(orders)
    plain = yaml.safe_load(path.read_text())
    plain["data"]["crop"] = 1.0
    path.write_text(yaml.safe_dump(plain))
    with pytest.raises(RecipeError, match="data.crop: intent learns from whole utterances"):
        read_recipe(path)


def test_the_baseline_of_real_orders(data):
    """The majority answer to every question, as the README has it, from the manifest alone."""
    import csv
    from collections import Counter

    with (data / "barista619" / "manifest.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    slots = ["drink", "size", "roast", "shots", "milk", "sugar"]
    usual = {s: Counter(r[s] for r in rows if r["split"] == "train").most_common(1)[0][0] for s in slots}
    dev = [r for r in rows if r["split"] == "dev"]
    expected = np.mean([r[s] == usual[s] for r in dev for s in slots])
    cuts = [cut(r["path"], **{s: r[s] for s in ("intent", *slots)}) for r in dev]
    guess = Semantics({"intent": "orderDrink"}, tuple((s, v) for s, v in usual.items() if v != "none"))
    task = Intent(slots=slots)
    train = [cut(r["path"], **{s: r[s] for s in ("intent", *slots)}) for r in rows if r["split"] == "train"]
    numbers = task.score(cuts, {each.id: guess for each in cuts}, task.labels(train))
    assert numbers["slot_accuracy"] == pytest.approx(expected) and len(task.labels(train)) == 38
    assert numbers["unknown_to_training"] == {}

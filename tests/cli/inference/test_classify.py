"""classify, on tiny models of both forms."""

import json

import pytest
import soundfile
import torch

import bad_audio
from bad_audio import FAULTS
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from tiny_models import randomized, tiny_config, tiny_model

LABELS = ["intent=order", "intent=cancel", "slot:size=large", "slot:size=none", "slot:drink=tea", "slot:drink=coffee"]
SPELLED = ["<blank>", "intent=order", "slot:size", "a", "b"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """``model``, which answers questions, ``spelling``, ``speaker``, which is for something else, and ``nameless``."""
    folder = tmp_path_factory.mktemp("intents")
    pooled = {"kind": "pooled", "width": 8, "size": 6, "fusion": "sum", "pooling": "attentive"}
    head = {"kind": "classifier", "embedding": pooled, "classes": 6}
    config = dict(encoder=tiny_config(), task="intent")
    randomized(TaskModel(TaskConfig(head=head, labels=LABELS, **config))).save_pretrained(folder / "model")
    randomized(TaskModel(TaskConfig(head=head, labels=["a", "b"], **config))).save_pretrained(folder / "nameless")
    ctc = {"kind": "ctc", "width": 8, "outputs": len(SPELLED)}
    randomized(TaskModel(TaskConfig(head=ctc, labels=SPELLED, **config))).save_pretrained(folder / "spelling")
    tiny_model().save_pretrained(folder / "speaker")
    return folder


def test_the_answers_are_the_models(sottovoce, place, speech):
    found = json.loads(sottovoce("classify", place / "model", speech / "0.wav", "--json").out)
    model = TaskModel.from_pretrained(place / "model").eval()
    with torch.no_grad():
        wave = torch.from_numpy(soundfile.read(speech / "0.wav", dtype="float32")[0])[None]
        logits = model(wave).output[0]
    sure, best = logits[:2].softmax(0).max(0)
    (intent,) = found["intents"]
    assert intent["field"] == "intent" and intent["intent"] == ["order", "cancel"][best]
    assert intent["probability"] == pytest.approx(sure.item(), abs=1e-4)
    sure, best = logits[4:].softmax(0).max(0)
    drink = found["slots"][-1]
    assert (drink["type"], drink["filler"]) == ("drink", ["tea", "coffee"][best])
    assert drink["probability"] == pytest.approx(sure.item(), abs=1e-4)
    assert [slot["type"] for slot in found["slots"]] in (["drink"], ["size", "drink"])  # an empty slot is not told


def test_for_a_person(sottovoce, place, speech):
    said = sottovoce("classify", place / "model", speech / "0.wav")
    name, intent, *slots = said.out.rstrip("\n").split("\t")
    assert said.code == 0 and name == str(speech / "0.wav") and intent.startswith("intent=") and intent.endswith(" %")
    assert slots and all(slot.startswith(("size=", "drink=")) for slot in slots)
    several = sottovoce("classify", place / "model", speech / "0.wav", speech / "1.wav").out.splitlines()
    assert [line.split("\t")[0] for line in several] == [str(speech / "0.wav"), str(speech / "1.wav")]
    spelled = sottovoce("classify", place / "spelling", speech / "0.wav", "--json")
    assert spelled.code == 0 and set(json.loads(spelled.out)) == {"file", "intents", "slots"}


@pytest.mark.parametrize(
    ("model", "told"),
    [("speaker", "this is a model for verification"), ("nameless", "the label 'a' is not field=class")],
)
def test_a_model_for_something_else_is_named(sottovoce, place, speech, model, told):
    said = sottovoce("classify", place / model, speech / "0.wav")
    assert said.code == 2 and told in said.err and len(said.err.splitlines()) == 1 and said.out == ""


def test_an_encoder_is_no_classifier(sottovoce, models, speech):
    said = sottovoce("classify", models / "ours", speech / "0.wav")
    assert said.code == 2 and "without a head and no model for intent" in said.err and len(said.err.splitlines()) == 1


@pytest.mark.parametrize("fault", [*FAULTS, bad_audio.silence], ids=lambda f: f.__name__)
def test_faulty_audio_is_one_line(sottovoce, place, speech, tmp_path, fault):
    bad = fault(tmp_path)
    said = sottovoce("classify", place / "model", bad, "--json")
    assert said.code == 2 and bad.name in said.err and said.out == "", said
    assert len(said.err.splitlines()) == 1

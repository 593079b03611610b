"""Weights that are numbers, answers that are none: no command tells them, each names the file and the model."""

from __future__ import annotations

import pytest
import torch

from corpus import write_corpus
from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.encoder.checks.finite_outputs import finite_output, float_tensors
from sottovoce.errors import InferenceError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim
from sottovoce.tasks.intent import understand
from sottovoce.tasks.recognition import recognize
from sottovoce.tasks.scoring.embedding import embed_all, outputs_of_all
from tiny_models import randomized, tiny_config, tiny_model

POOLED = {"kind": "pooled", "width": 8, "size": 6, "fusion": "sum", "pooling": "attentive"}
MODELS = {
    "speaker": {
        "head": {"kind": "mhfa", "width": 6, "heads": 3, "size": 10},
        "scoring": "cosine",
        "task": "verification",
    },
    "detector": {
        "head": {"kind": "classifier", "embedding": POOLED, "classes": 2},
        "scoring": "llr",
        "task": "spoofing",
        "labels": ["spoof", "bonafide"],
    },
    "recognizer": {
        "head": {"kind": "ctc", "outputs": 3, "width": 8},
        "task": "recognition",
        "labels": ["<blank>", " ", "a"],
    },
    "classifier": {
        "head": {"kind": "classifier", "embedding": POOLED, "classes": 2},
        "task": "intent",
        "labels": ["intent=order", "intent=cancel"],
    },
    "diarizer": {
        "head": {"kind": "powerset", "speakers": 2, "width": 8, "blocks": 1, "inner": 16, "heads": 2, "kernel": 3},
        "task": "diarization",
    },
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A corpus, and of each task a model whose head overflows."""
    folder = tmp_path_factory.mktemp("overflow")
    write_corpus(folder)
    for name, config in MODELS.items():
        model = randomized(TaskModel(TaskConfig(encoder=tiny_config(), **config))).eval()
        with torch.no_grad():
            for weight in model.head.parameters():
                weight.fill_(3e38)
        model.save_pretrained(folder / name)
    return folder


@pytest.mark.parametrize(
    ("model", "command"),
    [
        ("speaker", ["embed", "{model}", "{file}", "-o", "{folder}/out.npz"]),
        ("speaker", ["verify", "{model}", "{file}", "{file}", "--json"]),
        ("speaker", ["evaluate", "{model}", "{folder}/test.jsonl.gz", "{folder}/trials.txt", "--json"]),
        ("detector", ["detect", "{model}", "{file}", "--json"]),
        ("recognizer", ["transcribe", "{model}", "{file}"]),
        ("recognizer", ["transcribe", "{model}", "{file}", "--beam", "4", "--json"]),
        ("classifier", ["classify", "{model}", "{file}", "--json"]),
        ("diarizer", ["diarize", "{model}", "{file}", "-o", "{folder}/out.rttm"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_that_is_not_finite_is_an_error(sottovoce, place, model, command):
    file = place / "audio" / "test" / "s0" / "0.wav"
    said = sottovoce(*(part.format(model=place / model, file=file, folder=place) for part in command))
    assert said.code == 2 and said.out == "" and len(said.err.strip().splitlines()) == 1, said
    assert f"{place / model}: " in said.err and "are NaN or infinite" in said.err
    assert not (place / "out.npz").exists() and not (place / "out.rttm").exists()
    assert (str(file) if command[0] != "evaluate" else "s0/0") in said.err


def test_the_speed_of_an_answer_that_is_none_is_not_measured(sottovoce, place):
    said = sottovoce("bench", place / "recognizer", "--seconds", 0.5, "--repeats", 1, "--threads", 1)
    assert said.code == 2 and said.out == "" and len(said.err.strip().splitlines()) == 1, said
    assert "recognizer in float32: " in said.err and "are NaN or infinite" in said.err


def test_evaluation_names_the_utterance(place):
    """The functions that every task's evaluation and every probe go through."""
    cuts = list(read_cuts(place / "test.jsonl.gz"))[:2]
    whose = rf"({cuts[0].id}|{cuts[1].id}): .* are NaN or infinite"
    for name, evaluate in (("speaker", embed_all), ("detector", outputs_of_all), ("classifier", understand)):
        with pytest.raises(InferenceError, match=whose):
            evaluate(TaskModel.from_pretrained(place / name).eval(), cuts)
    with pytest.raises(InferenceError, match=whose):
        recognize(TaskModel.from_pretrained(place / "recognizer").eval(), cuts, None)


def test_what_is_not_finite_is_not_slimmed(place):
    """A comparison with NaN is no proof: `max` of differences passes over it."""
    model = tiny_model().double()
    with torch.no_grad():
        model.encoder.layers[0].feed_forward.up.weight.fill_(1e308)
    with pytest.raises(InferenceError, match="are NaN or infinite"):
        slim(model, Plan({}, {}))


def test_what_is_finite_passes_and_is_the_same():
    tensor = torch.ones(2, 3)
    assert finite_output(tensor, "model") is tensor
    tensor[1, 2] = float("inf")
    with pytest.raises(InferenceError, match="^b: model: 1 of the 3 numbers in its output are NaN or infinite"):
        finite_output(tensor, "model", ["a", "b"])
    assert [t.shape for t in float_tensors({"a": (tensor, torch.ones(1, dtype=torch.long)), "b": None})] == [(2, 3)]

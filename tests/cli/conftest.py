"""Tiny models on disk, and the command line run inside the test."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
import torch
import transformers as tf

from families import FAMILIES, randomize
from sottovoce import SpeechEncoder
from sottovoce.cli import main
from sottovoce.decoding.vocabulary import BLANK
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.tasks.diarization import Diarization
from tiny_models import randomized, tiny_config, tiny_encoder, tiny_model

EMBEDDING = {"kind": "mhfa", "width": 8, "heads": 2, "size": 6}
QUESTIONS = ["intent=order", "intent=cancel", "slot:size=large", "slot:size=none"]
MODELS = {
    "spoofing": {
        "head": {"kind": "classifier", "embedding": EMBEDDING, "classes": 2},
        "scoring": "llr",
        "labels": ["spoof", "bonafide"],
    },
    "recognition": {"head": {"kind": "ctc", "outputs": 4, "width": 8}, "labels": [BLANK, " ", "a", "b"]},
    "intent": {"head": {"kind": "classifier", "embedding": EMBEDDING, "classes": 4}, "labels": QUESTIONS},
    "sequence": {
        "head": {"kind": "ctc", "outputs": 4, "width": 8},
        "labels": [BLANK, "intent=order", "slot:size", "a"],
    },
}


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def sottovoce(capsys, monkeypatch):
    """``sottovoce("inspect", path)`` -> exit code, standard output, standard error."""
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # `main` replaces it; put it back
    monkeypatch.setenv("COLUMNS", "160")

    def run(*arguments) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as leaving:
            main([str(a) for a in arguments])
        return Said(int(leaving.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """``stock``, a tiny WavLM as Transformers saves it, and ``ours``, the same converted."""
    place = tmp_path_factory.mktemp("models")
    stock = randomize(FAMILIES["wavlm_base"](hidden_size=64, intermediate_size=256))
    stock.save_pretrained(place / "stock")
    tf.Wav2Vec2FeatureExtractor().save_pretrained(place / "stock")
    SpeechEncoder.from_pretrained(place / "stock").save_pretrained(place / "ours")
    return place


@pytest.fixture(scope="session")
def speech(tmp_path_factory) -> Path:
    """A folder with a few seconds of something that is no silence, and trials over it."""
    place = tmp_path_factory.mktemp("speech")
    random = np.random.default_rng(0)
    for k in range(3):
        soundfile.write(place / f"{k}.wav", 0.1 * random.standard_normal(16_000), 16_000)
    (place / "trials.txt").write_text("1 0.wav 1.wav\n0 0.wav 2.wav\n")
    return place


@pytest.fixture(scope="session")
def task_models(tmp_path_factory):
    """A model for each task, and a bare encoder."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    tiny_encoder().save_pretrained(folder / "encoder")
    tiny_model().save_pretrained(folder / "verification")
    powerset = {"speakers": 2, "width": 8, "blocks": 1, "inner": 8, "heads": 2, "kernel": 7}
    local = randomized(TaskModel(Diarization(head=powerset).config(tiny_config())))
    local.head.output.bias.data[0] = -3.0  # somebody speaks, whatever is heard
    local.save_pretrained(folder / "diarization")
    for name, fields in MODELS.items():
        task = "intent" if name == "sequence" else name
        randomized(TaskModel(TaskConfig(encoder=tiny_config(), task=task, **fields))).save_pretrained(folder / name)
    return folder

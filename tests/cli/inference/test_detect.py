"""detect, on a tiny anti-spoofing model."""

import json

import numpy as np
import pytest
import soundfile
import torch

import bad_audio
from bad_audio import FAULTS
from sottovoce.data.corpora.cuts import cut_field, make_cut, read_cuts, write_cuts
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from tiny_models import randomized, tiny_config, tiny_model


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """``model``, calibrated, ``raw``, which is not, and ``speaker``, which is for something else."""
    folder = tmp_path_factory.mktemp("detector")
    embedding = {"kind": "mhfa", "width": 8, "heads": 2, "size": 6}
    head = {"kind": "classifier", "embedding": embedding, "classes": 2}
    config = TaskConfig(encoder=tiny_config(), head=head, scoring="llr", task="spoofing", labels=["spoof", "bonafide"])
    model = randomized(TaskModel(config)).eval()
    model.scoring.calibrated.fill_(False)
    model.save_pretrained(folder / "raw")
    model.scoring.fit(2.0, -0.25)
    model.save_pretrained(folder / "model")
    tiny_model().save_pretrained(folder / "speaker")
    return folder


def test_the_score_is_the_models(sottovoce, place, speech):
    said = sottovoce("detect", place / "model", speech / "0.wav", "--json")
    found = json.loads(said.out)
    model = TaskModel.from_pretrained(place / "model").eval()
    with torch.no_grad():
        wave = torch.from_numpy(soundfile.read(speech / "0.wav", dtype="float32")[0])[None]
        logits = model(wave).output[0]
    score = (logits[1] - logits[0]).item()
    assert found["score"] == pytest.approx(score, abs=1e-4)
    assert found["llr"] == pytest.approx(2 * score - 0.25, abs=1e-4)
    assert found["threshold"] == pytest.approx(-0.642, abs=1e-3)
    assert found["bonafide"] == (found["llr"] >= found["threshold"])
    assert found["file"] == str(speech / "0.wav")
    line = sottovoce("detect", place / "model", speech / "0.wav").out
    word = "bonafide" if found["bonafide"] else "spoof"
    assert line == f"{speech / '0.wav'}\t{word}\t{found['llr']:.4f}\t{found['score']:.4f}\n"


def test_a_long_file_is_judged_in_equal_parts(sottovoce, place, tmp_path, monkeypatch):
    monkeypatch.setattr("sottovoce.data.audio.long_audio.LONGEST", 0.5)
    wave = 0.1 * torch.randn(20_001, generator=torch.Generator().manual_seed(0)).cumsum(0).sin()
    soundfile.write(tmp_path / "long.wav", wave.numpy(), 16_000, subtype="FLOAT")
    found = json.loads(sottovoce("detect", place / "model", tmp_path / "long.wav", "--json").out)
    model = TaskModel.from_pretrained(place / "model").eval()
    with torch.no_grad():
        logits = [model(part[None]).output[0] for part in wave.split(6_667)]
    scores = [(each[1] - each[0]).item() for each in logits]
    assert len(scores) == 3 and max(scores) - min(scores) > 1e-3
    assert found["score"] == pytest.approx(sum(scores) / 3, abs=1e-4)
    assert found["llr"] == pytest.approx(2 * found["score"] - 0.25, abs=1e-4)


def test_without_a_calibration_it_decides_nothing(sottovoce, place, speech):
    found = json.loads(sottovoce("detect", place / "raw", speech / "0.wav", "--json").out)
    assert found["llr"] is None and found["bonafide"] is None
    said = sottovoce("detect", place / "raw", speech / "0.wav")
    assert "not calibrated" in said.err and said.out.split("\t")[1:3] == ["-", "-"]


def test_a_model_for_something_else_is_named(sottovoce, place, speech):
    said = sottovoce("detect", place / "speaker", speech / "0.wav")
    assert said.code == 2 and "and not for spoofing" in said.err and len(said.err.splitlines()) == 1


def test_copies_are_made_of_cuts(sottovoce, tmp_path):
    wave = np.random.default_rng(0).normal(0, 0.1, 16_000)
    soundfile.write(tmp_path / "a.wav", wave, 16_000)
    cut = make_cut(name="a", source=tmp_path / "a.wav", samples=16_000, rate=16_000)
    write_cuts([cut], tmp_path / "cuts.jsonl.gz")
    options = ["--seconds", "0.4", "--method", "lpc", "--method", "griffin_lim", "--each", "1"]
    said = sottovoce("data", "copies", tmp_path / "cuts.jsonl.gz", "-o", tmp_path / "out", *options)
    assert said.code == 0 and said.out.split() == [str(tmp_path / "out" / "train.jsonl.gz")]
    attacks = [cut_field(cut, "attack") for cut in read_cuts(tmp_path / "out" / "train.jsonl.gz")]
    assert attacks == [None, "lpc", None, "griffin_lim"]
    said = sottovoce("data", "copies", tmp_path / "none.jsonl.gz", "-o", tmp_path / "other")
    assert said.code == 2 and "no such file" in said.err and len(said.err.splitlines()) == 1
    said = sottovoce("data", "copies", tmp_path / "cuts.jsonl.gz", "-o", tmp_path / "other", "--method", "vocoder")
    assert said.code == 2 and "no method 'vocoder'" in said.err and not (tmp_path / "other").exists()


@pytest.mark.parametrize("fault", [*FAULTS, bad_audio.silence], ids=lambda f: f.__name__)
def test_faulty_audio_is_one_line(sottovoce, place, tmp_path, fault):
    bad = fault(tmp_path)
    said = sottovoce("detect", place / "model", bad)
    assert said.code == 2 and bad.name in said.err and said.out == "", said
    assert len(said.err.splitlines()) == 1

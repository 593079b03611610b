"""detect, on a tiny anti-spoofing model."""

import json

import pytest
import soundfile
import torch

import bad_audio
from bad_audio import FAULTS
from sottovoce.heads.task_config import TaskConfig
from sottovoce.heads.task_model import TaskModel
from tiny_models import randomised, tiny_config, tiny_model


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """``model``, calibrated, ``raw``, which is not, and ``speaker``, which is for something else."""
    folder = tmp_path_factory.mktemp("detector")
    embedding = {"kind": "mhfa", "width": 8, "heads": 2, "size": 6}
    head = {"kind": "classifier", "embedding": embedding, "classes": 2}
    config = TaskConfig(encoder=tiny_config(), head=head, scoring="llr", task="spoofing", labels=["spoof", "bonafide"])
    model = randomised(TaskModel(config)).eval()
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
    assert "log-likelihood ratio" in sottovoce("detect", place / "model", speech / "0.wav").out


def test_a_long_file_is_judged_in_equal_parts(sottovoce, place, tmp_path, monkeypatch):
    monkeypatch.setattr("sottovoce.deployment.spoofing.LONGEST", 8_000)
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
    assert "not calibrated" in sottovoce("detect", place / "raw", speech / "0.wav").out


def test_a_model_for_something_else_is_named(sottovoce, place, speech):
    said = sottovoce("detect", place / "speaker", speech / "0.wav")
    assert said.code == 2 and "no anti-spoofing model" in said.err and len(said.err.splitlines()) == 1


@pytest.mark.parametrize("fault", [*FAULTS, bad_audio.silence], ids=lambda f: f.__name__)
def test_faulty_audio_is_one_line(sottovoce, place, tmp_path, fault):
    bad = fault(tmp_path)
    said = sottovoce("detect", place / "model", bad)
    assert said.code == 2 and bad.name in said.err and said.out == "", said
    assert len(said.err.splitlines()) == 1

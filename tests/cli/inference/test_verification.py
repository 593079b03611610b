"""embed, verify and evaluate, on a tiny speaker model and a corpus of noises."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
import soundfile
import torch

import bad_audio
from bad_audio import FAULTS
from corpus import write_corpus
from sottovoce.metrics.detection.equal_error_rate import eer
from sottovoce.metrics.detection.trials import read_trials
from tiny_models import tiny_model


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A corpus, and ``model``, a speaker model."""
    folder = tmp_path_factory.mktemp("verification")
    write_corpus(folder)
    tiny_model().save_pretrained(folder / "model")
    return folder


def one_file(place, speaker=0, number=0):
    return place / "audio" / "test" / f"s{speaker}" / f"{number}.wav"


def test_embeddings_are_the_models_output(sottovoce, place, tmp_path):
    said = sottovoce("embed", place / "model", place / "audio" / "test", "-o", tmp_path / "vectors")
    assert said.code == 0, said
    found = np.load(tmp_path / "vectors.npz")
    assert len(found["names"]) == 12 and found["embeddings"].shape == (12, 10)
    wave = torch.from_numpy(soundfile.read(found["names"][3], dtype="float32")[0])[None]
    with torch.no_grad():
        assert np.allclose(tiny_model()(wave).output[0].numpy(), found["embeddings"][3], atol=1e-5)


def test_embeddings_as_parquet_and_as_a_kaldi_table(sottovoce, place, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    kaldiio = pytest.importorskip("kaldiio", reason="kaldiio is not installed")
    for name in ("vectors", "vectors.scp", "vectors.parquet"):
        said = sottovoce("embed", place / "model", place / "audio" / "test", "-o", tmp_path / name)
        assert said.code == 0, said
    found = np.load(tmp_path / "vectors.npz")
    table, rows = kaldiio.load_scp(str(tmp_path / "vectors.scp")), parquet.read_table(tmp_path / "vectors.parquet")
    assert list(table) == rows["name"].to_pylist() == found["names"].tolist()
    for k, name in enumerate(found["names"]):
        assert np.array_equal(table[name], found["embeddings"][k])
        assert np.array_equal(np.float32(rows["embedding"][k].as_py()), found["embeddings"][k])


def test_without_the_package_of_a_format_nothing_is_embedded(sottovoce, place, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "kaldiio" else find(name))
    said = sottovoce("embed", place / "no model", place / "audio" / "test", "-o", tmp_path / "vectors.ark")
    assert said.code == 2 and "pip install kaldiio" in said.err and len(said.err.splitlines()) == 1


def test_verify_tells_score_and_decision(sottovoce, place, tmp_path):
    a, b = one_file(place), one_file(place, speaker=3)
    assert json.loads(sottovoce("verify", place / "model", a, a, "--json").out) == {
        "a": str(a),
        "b": str(a),
        "score": pytest.approx(1.0, abs=1e-5),
        "threshold": None,
        "same": None,
        "calibrated": False,
    }
    said = sottovoce("verify", place / "model", a, b)
    assert "no threshold" in said.err and said.out.split("\t")[2::2] == ["-", "-\n"]
    decided = tiny_model()
    score = json.loads(sottovoce("verify", place / "model", a, b, "--json").out)["score"]
    decided.scoring.threshold.fill_(score + 1e-4)
    decided.save_pretrained(tmp_path / "decided")
    threshold = f"{score + 1e-4:.4f}"
    assert sottovoce("verify", tmp_path / "decided", a, b).out == f"{a}\t{b}\tdifferent\t{score:.4f}\t{threshold}\n"
    assert sottovoce("verify", tmp_path / "decided", a, a).out == f"{a}\t{a}\tsame\t1.0000\t{threshold}\n"


def test_evaluate_gives_the_same_from_a_manifest_and_a_folder(sottovoce, place, tmp_path):
    arguments = (place / "trials.txt", "--json", "--draws", 5)
    manifest = json.loads(sottovoce("evaluate", place / "model", place / "test.jsonl.gz", *arguments).out)
    folder = json.loads(sottovoce("evaluate", place / "model", place, *arguments).out)
    assert manifest["eer"] == pytest.approx(folder["eer"])
    assert "eer_interval" in manifest and "eer_interval" not in folder  # a folder does not say who speaks
    trials = read_trials(place / "trials.txt")
    scores = [
        json.loads(sottovoce("verify", place / "model", place / a, place / b, "--json").out)["score"]
        for a, b in zip(trials.left[:6], trials.right[:6], strict=True)
    ]
    assert 0 <= eer(np.array(scores + [0.0, 1.0]), np.array([*trials.targets[:6], False, True])) <= 1
    said = sottovoce("evaluate", place / "model", place / "test.jsonl.gz", place / "trials.txt").out
    assert "EER" in said and "trials: 1|0 <enroll> <test>\n" in said


def test_the_cost_and_the_segments_can_be_chosen(sottovoce, place):
    arguments = ("evaluate", place / "model", place / "test.jsonl.gz", place / "trials.txt", "--draws", 5)
    usual, voxsrc = (sottovoce(*arguments, *more).out for more in ((), ("--p-target", 0.05)))
    assert "minDCF(p=0.01) " in usual and "minDCF(p=0.05) " in voxsrc
    assert json.loads(sottovoce(*arguments, "--c-fa", 2, "--json").out)["detection_cost"]["c_fa"] == 2
    refused = sottovoce(*arguments, "--p-target", 1.5)
    assert refused.code == 2 and "evaluate: --p-target: " in refused.err and len(refused.err.splitlines()) == 1
    assert (
        "mean distance of 2 segments of 0.3 s" in sottovoce(*arguments, "--segments", 2, "--segment-seconds", 0.3).out
    )
    pair = ("verify", place / "model", one_file(place), one_file(place), "--json")
    assert json.loads(sottovoce(*pair, "--segments", 1, "--segment-seconds", 0.3).out)["score"] == pytest.approx(
        0, abs=1e-3
    )


def test_evaluate_hears_the_channel_that_is_chosen(sottovoce, place, tmp_path):
    """Stereo: one channel is the corpus, the other another speaker's utterance, which gives another result."""
    names = read_trials(place / "trials.txt").utterances()
    for name, other in zip(names, [*names[5:], *names[:5]], strict=True):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        both = [soundfile.read(place / each)[0] for each in (other, name)]
        soundfile.write(tmp_path / name, np.stack(both, 1), 16_000)
    arguments = (place / "trials.txt", "--json", "--draws", 5)
    refused = sottovoce("evaluate", place / "model", tmp_path, *arguments)
    assert refused.code == 2 and "has 2 channels, one is needed" in refused.err and len(refused.err.splitlines()) == 1
    assert "has no channel 2" in sottovoce("evaluate", place / "model", tmp_path, *arguments, "--channel", 2).err
    first, second = (sottovoce("evaluate", place / "model", tmp_path, *arguments, "--channel", k) for k in (0, 1))
    assert second.out == sottovoce("evaluate", place / "model", place, *arguments).out != first.out
    said = sottovoce("evaluate", place / "model", place / "test.jsonl.gz", *arguments, "--channel", 0)
    assert said.code == 2 and "cuts say which channel they are of" in said.err


def test_evaluate_draws_the_trade_off(sottovoce, place, tmp_path):
    from PIL import Image

    path = tmp_path / "det.png"
    said = sottovoce("evaluate", place / "model", place / "test.jsonl.gz", place / "trials.txt", "--det", path)
    assert said.code == 0 and "on the ROC's hull" in said.out and "cosine, minDCF(p=0.01)" in said.out
    with Image.open(path) as picture:
        assert picture.format == "PNG" and min(picture.size) > 300
    said = sottovoce("evaluate", place / "model", place / "test.jsonl.gz", place / "trials.txt", "--det", place)
    assert said.code == 2 and len(said.err.splitlines()) == 1


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_faulty_audio_is_one_line(sottovoce, place, tmp_path, fault):
    bad = fault(tmp_path)
    for arguments in (["verify", place / "model", one_file(place), bad], ["embed", place / "model", bad]):
        out = ["-o", tmp_path / "x.npz"] if arguments[0] == "embed" else []
        said = sottovoce(*arguments, *out)
        assert said.code == 2 and len(said.err.splitlines()) == 1 and bad.name in said.err, said
        assert not (tmp_path / "x.npz").exists()


def test_silence_cannot_be_compared(sottovoce, place, tmp_path):
    said = sottovoce("verify", place / "model", one_file(place), bad_audio.silence(tmp_path))
    assert said.code == 2 and "silence" in said.err


def test_a_model_without_speakers_and_trials_without_audio_are_named(sottovoce, place, models, tmp_path):
    said = sottovoce("verify", models / "ours", one_file(place), one_file(place))
    assert said.code == 2 and "without a head and no model for verification" in said.err
    (tmp_path / "trials.txt").write_text("1 a.wav b.wav\n0 a.wav c.wav\n")
    said = sottovoce("evaluate", place / "model", place / "test.jsonl.gz", tmp_path / "trials.txt")
    assert said.code == 2 and "3 utterances are not in the data" in said.err
    assert sottovoce("evaluate", place / "model", place / "test.jsonl.gz", tmp_path / "none.txt").code == 2

"""Every command that takes a model: what is wrong with it is one line, exit code 2, and nothing is written."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch


class Evil:
    """What a pickled checkpoint can do to whoever loads it."""

    def __reduce__(self):
        return (Path.touch, (Path("evil-was-here"),))


def missing(models, place):
    return place / "nowhere"


def empty_folder(models, place):
    (place / "empty").mkdir()
    return place / "empty"


def unknown_type(models, place):
    (place / "bert").mkdir()
    (place / "bert" / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 32}))
    return place / "bert"


def config_is_no_json(models, place):
    shutil.copytree(models / "ours", place / "broken")
    (place / "broken" / "config.json").write_text("{not json")
    return place / "broken"


def no_weights(models, place):
    shutil.copytree(models / "ours", place / "hollow")
    (place / "hollow" / "model.safetensors").unlink()
    return place / "hollow"


def truncated(models, place):
    shutil.copytree(models / "ours", place / "short")
    weights = place / "short" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    return place / "short"


def stock_truncated(models, place):
    shutil.copytree(models / "stock", place / "short")
    weights = place / "short" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: 3 * weights.stat().st_size // 4])
    return place / "short"


def pickled(models, place):
    shutil.copytree(models / "stock", place / "pickled")
    (place / "pickled" / "model.safetensors").unlink()
    torch.save({"weight": Evil()}, place / "pickled" / "pytorch_model.bin")
    return place / "pickled"


def pickled_file(models, place):
    with open(place / "evil.pt", "wb") as file:
        pickle.dump(Evil(), file)
    return place / "evil.pt"


def empty_file(models, place):
    (place / "empty.pt").touch()
    return place / "empty.pt"


FAULTS = [
    missing,
    empty_folder,
    unknown_type,
    config_is_no_json,
    no_weights,
    truncated,
    stock_truncated,
    pickled,
    pickled_file,
    empty_file,
]


@pytest.mark.parametrize("command", ["inspect", "prune", "bench", "bench --against", "embed", "verify", "evaluate"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_model_is_one_line(sottovoce, models, speech, tmp_path, monkeypatch, command, fault):
    place = tmp_path / "in"
    place.mkdir()
    bad = fault(models, place)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    arguments = {
        "inspect": ["inspect", bad],
        "prune": ["prune", bad, "--budget", "params=50%", "-o", tmp_path / "out"],
        "bench": ["bench", bad, "--seconds", 1, "--repeats", 1],
        "embed": ["embed", bad, speech, "-o", tmp_path / "out.npz"],
        "verify": ["verify", bad, speech / "0.wav", speech / "1.wav"],
        "evaluate": ["evaluate", bad, speech, speech / "trials.txt"],
        "bench --against": ["bench", models / "ours", "--against", bad, "--seconds", 1, "--repeats", 1],
    }[command]
    said = sottovoce(*arguments)
    assert said.code == 2, said
    lines = [line for line in said.err.splitlines() if "left out, not part of the encoder" not in line]
    assert len(lines) == 1, said.err
    assert lines[0].startswith("sottovoce: ") and bad.name in lines[0]
    assert said.out == ""
    assert sorted(tmp_path.rglob("*")) == before, "something was written, or the pickle was run"


BUDGETS = {
    "params=1%": "smallest|are left",
    "params=0": "params",
    "params=-5%": "params",
    "params=150%": "params",
    "parms=20%": "did you mean 'params'?",
    "params": "params",
    "layers.params=1%": "layers",
    "nowhere.params=50%": "nowhere",
    "params=20%,params=30%": "twice",
    "params=5 bananas": "bananas",
}


@pytest.mark.parametrize("budget", BUDGETS)
def test_an_impossible_budget_says_why(sottovoce, models, tmp_path, budget):
    said = sottovoce("prune", models / "ours", "--budget", budget, "-o", tmp_path / "out")
    assert said.code == 2, said
    assert len(said.err.splitlines()) == 1
    assert any(word in said.err for word in BUDGETS[budget].split("|")), said.err
    assert list(tmp_path.iterdir()) == []


SHAPES = {
    "head: [1, 2]": "2 widths for head",
    "head: [1, 2, 99]": "99",
    "heads: [1, 2, 3]": "heads",
    "just words": "no widths",
    "{": "neither YAML nor JSON",
    "layers.9.attention.heads: 1": "layers.9.attention.heads",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_that_does_not_fit_is_one_line(sottovoce, models, tmp_path, shape):
    (tmp_path / "shape.yaml").write_text(shape)
    said = sottovoce("prune", models / "ours", "--shape", tmp_path / "shape.yaml", "-o", tmp_path / "out")
    assert said.code == 2, said
    assert len(said.err.splitlines()) == 1 and SHAPES[shape] in said.err, said.err
    assert not (tmp_path / "out").exists()


def test_what_contradicts_itself_or_is_missing(sottovoce, models, speech, tmp_path):
    out = ["-o", tmp_path / "out"]
    for arguments, word in [
        (["prune", models / "ours", *out], "budget or a shape"),
        (["prune", models / "ours", "--budget", "params=50%", "--shape", tmp_path / "no.yaml", *out], "no.yaml"),
        (["prune", models / "ours", "--budget", "params=50%", "--method", "taylor", *out], "--audio"),
        (["prune", models / "ours", "--budget", "params=50%", "--method", "guess", *out], "guess"),
        (["prune", models / "ours", "--budget", "params=50%", "--kinds", "wheels", *out], "wheels"),
        (["prune", models / "ours", "--budget", "params=50%", "--audio", tmp_path / "no", *out], "no such file"),
        (["bench", models / "ours", "--device", "abacus"], "abacus"),
        (["bench", models / "ours", "--dtype", "float8"], "float8"),
        (["bench", models / "ours", "--seconds", "0"], "--seconds"),
        (["bench", models / "ours", "--batch", "0"], "--batch"),
        (["inspect", models / "ours", "--seconds", "soon"], "--seconds"),
        (["inspect"], "model"),
        (["report", tmp_path / "no"], "not a run"),
        (["compress", tmp_path / "no.yaml"], "no.yaml"),
        (["dance"], "dance"),
    ]:
        said = sottovoce(*arguments)
        assert said.code == 2, (arguments, said)
        assert word in said.err, (arguments, said.err)
        assert "Traceback" not in said.err
    assert not (tmp_path / "out").exists()


def test_nothing_that_is_there_is_overwritten(sottovoce, models, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("dear")
    for taken in (tmp_path / "out", tmp_path / "out" / "thesis.txt"):
        said = sottovoce("prune", models / "ours", "--budget", "params=50%", "-o", taken)
        assert said.code == 2 and "exists already" in said.err
    assert (tmp_path / "out" / "thesis.txt").read_text() == "dear"

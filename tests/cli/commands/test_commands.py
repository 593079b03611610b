"""What each command does when all is well."""

from __future__ import annotations

import json

import pytest
import torch

from sottovoce import SpeechEncoder, cost
from sottovoce.pruning.planning.plans import Plan


def test_inspect_draws_and_counts(sottovoce, models):
    said = sottovoce("inspect", models / "stock")
    assert said.code == 0
    assert "layer 2" in said.out and "conv 6" in said.out
    said = sottovoce("inspect", models / "ours", "--json", "--seconds", 2)
    found = json.loads(said.out)
    whole = cost(SpeechEncoder.from_pretrained(models / "ours"), 2.0)
    assert found["total"]["params"] == whole.params and found["total"]["macs"] == whole.macs
    assert sum(layer["params"] for layer in found["layers"]) == whole.params


@pytest.mark.parametrize("method", ["magnitude", "activation", "taylor"])
def test_prune_meets_the_budget_and_saves_a_model_that_loads(sottovoce, models, speech, tmp_path, method):
    out = tmp_path / "small"
    audio = [] if method == "magnitude" else ["--audio", speech]
    said = sottovoce("prune", models / "stock", "--budget", "params=40%", "--method", method, *audio, "-o", out)
    assert said.code == 0, said.err
    assert "slim equals gated" in said.out
    small, dense = SpeechEncoder.from_pretrained(out), SpeechEncoder.from_pretrained(models / "stock")
    kept = cost(small).params / cost(dense).params
    assert 0.35 < kept <= 0.4
    assert small.original_shape == dense.shape
    assert Plan.load(out / "plan.json").after.params == cost(small).params
    assert [p.name for p in tmp_path.iterdir()] == ["small"]  # nothing temporary is left


def test_prune_says_what_goes_altogether_and_its_options_keep_it(sottovoce, models, tmp_path):
    encoder = SpeechEncoder.from_pretrained(models / "ours")
    layers = encoder.config.num_hidden_layers
    least = Plan.to_shape(encoder, {"head": [0] * layers, "ffn": [0] * layers}).after.params
    budget = ("--budget", f"params={least + 1}", "--kinds", "head,ffn", "--round-to", "1")
    said = sottovoce("prune", models / "ours", *budget, "-o", tmp_path / "none")
    lines = [line for line in said.out.splitlines() if "would keep some" in line]
    assert said.code == 0 and "floors" not in said.out + said.err, said
    told = f"all heads of all {layers} layers are removed; --floor head=1, --protect layers.0.attention or a larger --budget"
    assert any(line.startswith(told) for line in lines) and len(lines) == 2, said.out
    half = ("--budget", "params=80%", "--kinds", "head,ffn", "--round-to", "1")
    kept = sottovoce("prune", models / "ours", *half, "--floor", "head=1", "--floor", "ffn=2", "-o", tmp_path / "some")
    assert kept.code == 0 and "would keep some" not in kept.out, kept
    plan = Plan.load(tmp_path / "some" / "plan.json")
    assert all(plan.width(n) >= (1 if n.endswith("heads") else 2) for n in plan.sizes if n.endswith(("heads", "units")))
    whole = sottovoce("prune", models / "ours", *half, "--protect", "layers.0", "-o", tmp_path / "whole")
    plan = Plan.load(tmp_path / "whole" / "plan.json")
    assert whole.code == 0 and all(plan.width(n) == plan.sizes[n] for n in plan.sizes if n.startswith("layers.0."))
    for wrong, message in (
        (("--floor", "head"), "--floor head: write what it is of and a number, such as head=1"),
        (("--floor", "heads=1"), "--floor: no unit or kind is called 'heads'; did you mean 'head'?"),
        (("--floor", "head=1", "--floor", "head=2"), "has a floor of 1 already"),
        (("--protect", "layer.0"), "--protect: no unit or kind is called 'layer.0'; known here: "),
    ):
        said = sottovoce("prune", models / "ours", *half, *wrong, "-o", tmp_path / "x")
        assert said.code == 2 and message in said.err and len(said.err.strip().splitlines()) == 1, said


def test_methods_that_listen_choose_by_what_they_hear(sottovoce, models, speech, tmp_path):
    keeps = {}
    for method in ("magnitude", "activation", "taylor"):
        audio = [] if method == "magnitude" else ["--audio", speech]
        sottovoce(
            "prune", models / "stock", "--budget", "macs=50%", "--method", method, *audio, "-o", tmp_path / method
        )
        keeps[method] = json.dumps(Plan.load(tmp_path / method / "plan.json").keep)
    assert len(set(keeps.values())) == 3


def test_prune_to_a_shape(sottovoce, models, tmp_path):
    (tmp_path / "shape.yaml").write_text("head: [1, 0, 3]\nffn: [32, 256, 16]\n")
    said = sottovoce("prune", models / "ours", "--shape", tmp_path / "shape.yaml", "-o", tmp_path / "small")
    assert said.code == 0, said.err
    layers = SpeechEncoder.from_pretrained(tmp_path / "small").shape["layers"]
    assert [len(layer["attention"]["heads"]) for layer in layers] == [1, 0, 3]
    assert [layer["feed_forward"]["units"] for layer in layers] == [32, 256, 16]


def test_a_portable_model_carries_its_code(sottovoce, models, tmp_path):
    said = sottovoce("prune", models / "ours", "--budget", "params=50%", "--portable", "-o", tmp_path / "small")
    assert said.code == 0, said.err
    assert "auto_map" in json.loads((tmp_path / "small" / "config.json").read_text())
    assert (tmp_path / "small" / "model.py").is_file()


def test_bench_compares_with_the_stock_class(sottovoce, models):
    arguments = ["--seconds", 1, "--threads", 1, "--repeats", 2]
    said = sottovoce("bench", models / "ours", "--against", models / "stock", *arguments)
    assert said.code == 0, said.err
    assert "WavLMModel" in said.out and "float32" in said.out and "1 thread" in said.out
    found = json.loads(sottovoce("bench", models / "ours", *arguments, "--json").out)
    assert len(found["results"]) == 1 and len(found["results"][0]["times"]) == 2
    assert found["environment"]["torch"] == torch.__version__


def test_a_corpus_is_synthesized_and_found_made(sottovoce, tmp_path):
    pytest.importorskip("espeakng_loader", reason="needs the extra 'demo'")
    arguments = ["--speakers-train", 2, "--speakers-test", 2, "--utterances", 3, "--seed", 5]
    said = sottovoce("data", "synthesize", "verification", "-o", tmp_path / "corpus", *arguments)
    assert said.code == 0, said.err
    assert said.out.split() == [str(tmp_path / "corpus" / n) for n in ("train.jsonl.gz", "test.jsonl.gz", "trials.txt")]
    before = (tmp_path / "corpus" / "trials.txt").stat().st_mtime_ns
    assert sottovoce("data", "synthesize", "verification", "-o", tmp_path / "corpus", *arguments).code == 0
    assert (tmp_path / "corpus" / "trials.txt").stat().st_mtime_ns == before
    other = sottovoce("data", "synthesize", "verification", "-o", tmp_path / "corpus", "--seed", 6)
    assert other.code == 2 and str(tmp_path / "corpus") in other.err


def test_a_corpus_is_imported(sottovoce, speech, tmp_path):
    for speaker in ("anna", "ben"):
        (tmp_path / "corpus" / speaker).mkdir(parents=True)
        (tmp_path / "corpus" / speaker / "1.wav").write_bytes((speech / "0.wav").read_bytes())
    said = sottovoce("data", "import", "folder", tmp_path / "corpus", "-o", tmp_path / "cuts")
    assert said.code == 0, said.err
    assert (tmp_path / "cuts" / "all.jsonl.gz").is_file() and "anna" not in said.err
    (tmp_path / "corpus" / "ben" / "2.wav").touch()
    faulty = sottovoce("data", "import", "folder", tmp_path / "corpus", "-o", tmp_path / "again")
    assert faulty.code == 2 and "2.wav" in faulty.err and not (tmp_path / "again").exists()

"""``sottovoce compress``: faults of a recipe are told before anything runs; a run ends with its report."""

from __future__ import annotations

import errno
import json
import os

import pytest
import yaml

from sottovoce.models.task_model import TaskModel
from sottovoce.recipe.packaged import PLACES, find_recipe
from sottovoce.runs import metrics_log
from sottovoce.runs.run_directory import RunDirectory
from sottovoce.training.progress import sparsity_text
from toy_recipe import toy, write


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipe")
    return write(toy(folder, stages=[{"fine_tune": {"steps": 2}}, {"slim": {}}]), folder / "small.yaml")


def test_a_run_ends_with_its_report(sottovoce, recipe, tmp_path):
    run = tmp_path / "run"
    said = sottovoce("compress", recipe, "--run", run, "--set", "stage.fine_tune.steps=3")
    assert said.code == 0, said.err
    assert (run / "report.html").is_file() and str(run / "report.html") in said.out.replace("\n", "")
    assert yaml.safe_load((run / "recipe.yaml").read_text())["stages"][0]["fine_tune"]["steps"] == 3
    assert json.loads((run / "bench.json").read_text())
    again = sottovoce("compress", recipe, "--run", run, "--set", "stage.fine_tune.steps=3", "--no-report")
    assert "finished before" in again.out
    changed = sottovoce("compress", recipe, "--run", run)
    assert changed.code == 2 and "fine_tune.steps: 3 before, 2 now" in changed.err


FAULTS = {
    ("--set", "bugdet.params=0.3"): "budget",
    ("--set", "stage.fine_tune.stpes=3"): "did you mean 'steps'",
    ("--set", "stage.fine_tune.steps=-1"): "steps",
    ("--set", "data.train=[toy/trian]"): "train",
    ("--set", "nonsense"): "path=value",
    ("--set", "encoder.from=/nowhere"): "from",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_recipe_is_told_before_anything_is_written(sottovoce, recipe, tmp_path, fault):
    said = sottovoce("compress", recipe, "--run", tmp_path / "run", *fault)
    assert said.code == 2, said
    assert FAULTS[fault] in said.err and "Traceback" not in said.err
    assert not (tmp_path / "run").exists()


def test_all_faults_are_told_together(sottovoce, recipe, tmp_path):
    changes = ["--set", "stage.fine_tune.stpes=3", "--set", "data.btach=4"]
    said = sottovoce("compress", recipe, "--run", tmp_path / "run", *changes)
    assert "2 problems" in said.err and "stpes" in said.err and "btach" in said.err


@pytest.mark.parametrize("text", ["", "just words", "{", "- a\n- b"])
def test_what_is_no_recipe_is_one_line(sottovoce, tmp_path, text):
    (tmp_path / "bad.yaml").write_text(text)
    said = sottovoce("compress", tmp_path / "bad.yaml", "--run", tmp_path / "run")
    assert said.code == 2 and "bad.yaml" in said.err and len(said.err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_an_unknown_name_of_a_recipe(sottovoce, tmp_path):
    said = sottovoce("compress", "dmeo", "--run", tmp_path / "run")
    assert said.code == 2 and "dmeo" in said.err


def test_a_folder_of_other_things_is_not_taken_for_a_run(sottovoce, recipe, tmp_path):
    (tmp_path / "thesis.txt").write_text("dear")
    said = sottovoce("compress", recipe, "--run", tmp_path)
    assert said.code == 2 and "not a run" in said.err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    said = sottovoce("compress", recipe, "--run", tmp_path / "thesis.txt")
    assert said.code == 2 and "thesis.txt" in said.err


@pytest.mark.parametrize(
    ("before", "name", "remedy"),
    [
        ("fine_tune", "checkpoints/fine_tune/step-00000002.ckpt", "remove it, and the stage begins again"),
        ("slim", "objectives/fine_tune.safetensors", "stages/fine_tune.json, and the stage runs again"),
        ("slim", "stages/fine_tune.json", "remove it, and the stage runs again"),
        ("slim", "recipe.yaml", "copy it again, or choose another --run directory"),
    ],
)
def test_a_file_of_the_run_that_is_cut_off(sottovoce, recipe, tmp_path, monkeypatch, before, name, remedy):
    finish = RunDirectory.finish

    def stopped(self, stage, results):
        if stage == before:
            raise OSError(errno.ENOSPC, "No space left on device", "results")
        finish(self, stage, results)

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "finish", stopped)
        assert sottovoce("compress", recipe, "--run", run, "--no-report").code == 2
    whole = (run / name).read_bytes()
    (run / name).write_bytes(whole[: len(whole) // 2])
    said = sottovoce("compress", recipe, "--run", run, "--no-report")
    assert said.code == 2 and len(said.err.strip().splitlines()) == 1, said.err
    assert f"{run / name}: damaged" in said.err and remedy in said.err
    if "remove it" in remedy:
        (run / name).unlink()
        (run / "stages" / "fine_tune.json").unlink(missing_ok=True)
        assert sottovoce("compress", recipe, "--run", run, "--no-report").code == 0


def test_a_disk_that_is_full_in_the_middle(sottovoce, recipe, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "metrics.jsonl")

    with monkeypatch.context() as patch:
        patch.setattr(metrics_log.MetricsLog, "write", full)
        said = sottovoce("compress", recipe, "--run", tmp_path / "run")
    assert said.code == 2 and said.err.splitlines()[-1] == (
        "sottovoce: metrics.jsonl: No space left on device; free some space, and run the same command again"
    )
    again = sottovoce("compress", recipe, "--run", tmp_path / "run", "--no-report")
    assert again.code == 0  # it goes on when there is room


@pytest.mark.parametrize("path", sorted(p for place in PLACES for p in place.glob("*.yaml")), ids=lambda p: p.stem)
def test_recipes_that_come_with_sottovoce_are_found_by_name(path):
    assert find_recipe(path.stem).samefile(path)


def test_a_smoke_test_is_one_recipe_however_its_place_is_written(sottovoce, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = sottovoce("compress", "hybrid-verification", "--smoke-test", "--run", tmp_path / "run", "--no-report")
    assert first.code == 0 and "four steps a stage" in first.out and "chosen by their scores" in first.out, first
    again = sottovoce("compress", "hybrid-verification", "--smoke-test", "--run", "run", "--no-report")
    assert again.code == 0 and "prune: finished before" in again.out, again
    assert os.listdir(tmp_path) == ["run"]
    # Without development trials, training speakers that are held out set the threshold, so that `verify` decides.
    model = TaskModel.from_pretrained(str(tmp_path / "run" / "models" / "prune"))
    assert not model.scoring.threshold.isnan()


def test_a_faulty_smoke_test_leaves_no_folder_behind(sottovoce, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = sottovoce("compress", "hybrid-verification", "--smoke-test", "--run", "run", "--set", "seed=x")
    assert said.code == 2 and os.listdir(tmp_path) == [], said


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "hj-macs",
            [
                "data.corpora.librispeech: data/librispeech/train-clean-100.jsonl.gz,"
                " data/librispeech/dev-clean.jsonl.gz, data/librispeech/test-clean.jsonl.gz and"
                " data/librispeech/test-other.jsonl.gz do not exist; `sottovoce recipes show hj-macs` says how to make them"
            ],
        ),
        (
            "hybrid-verification",
            [
                "data.corpora.voxceleb1: data/voxceleb1/cuts/all.jsonl.gz, data/voxceleb1/veri_test2.txt,"
                " data/voxceleb1/list_test_all2.txt and data/voxceleb1/list_test_hard2.txt do not exist;"
                " `sottovoce recipes show hybrid-verification` says how to make them",
                "data.corpora.voxceleb2: data/voxceleb2/cuts/train.jsonl.gz does not exist;"
                " `sottovoce recipes show hybrid-verification` says how to make it",
            ],
        ),
    ],
)
def test_what_is_missing_of_a_corpus_is_one_line(sottovoce, tmp_path, monkeypatch, name, lines):
    """And only what the recipe uses: the 360 and 500 hours of LibriSpeech are not in it."""
    monkeypatch.chdir(tmp_path)
    said = sottovoce("compress", name)
    told = [line[line.index("data.") :] for line in said.err.splitlines() if "data." in line]
    assert said.code == 2 and told == lines


def test_sparsity_is_told_in_words():
    assert sparsity_text(0.123, 0.8) == "12.3 % removed, target 80.0 %"
    assert sparsity_text(-0.00001, 0.0) == "0.0 % removed, target 0.0 %"
    assert sparsity_text(-0.409, 0.5) == "40.9 % above the dense size, target 50.0 % below it"
    assert sparsity_text(0.2, -0.1) == "20.0 % below the dense size, target 10.0 % above it"

"""Killed at any point and started again, a run ends in bitwise the weights of one that was not."""

import json
import random

import pytest
import torch
from safetensors.torch import load_file

from killed import run
from sottovoce.runs.run_directory import RunDirectory
from toy_recipe import toy, write


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A recipe, and the directory of a run that was never interrupted."""
    folder = tmp_path_factory.mktemp("straight")
    data = toy(folder)
    data["data"] |= {"dev": data["data"]["test"]["bands"], "test": {}}
    tune, prune, _, recover = (next(iter(stage.values())) for stage in data["stages"])
    tune |= {"optimizer": "adam", "decay": {"restarts": {"cycle": 2, "peak": 0.5, "final": 0.1}}}
    prune |= {"evaluate_every": 2, "selected_by": "loss", "keep": "best", "average": 2}
    # Its rates are 0 after the first step, so that the third evaluation ends it.
    recover |= {"steps": 6, "evaluate_every": 1, "selected_by": "loss", "keep": "best", "patience": 2}
    recover |= {"decay": {"cosine": {"steps": 1}}}
    recipe = write(data, folder / "toy.yaml")
    assert run(recipe, folder / "run")
    return recipe, folder / "run"


def same(a, b):
    """Every model, objective, plan, result and logged loss of two runs is equal, bit for bit."""
    files = sorted(
        p.relative_to(a) for pattern in ("models/*/model.safetensors", "objectives/*") for p in a.glob(pattern)
    )
    assert len(files) >= 5 + 3
    for file in files:
        one, other = load_file(a / file), load_file(b / file)
        assert one.keys() == other.keys()
        for name, tensor in one.items():
            # NaN (no threshold yet) equals NaN here.
            assert torch.equal(tensor.nan_to_num(7.0), other[name].nan_to_num(7.0)), f"{file}: {name}"
    plans = [sorted((p.name, p.read_text()) for p in (d / "plans").iterdir()) for d in (a, b)]
    assert plans[0] == plans[1]
    results = [{p.name: json.loads(p.read_text()) | {"seconds": 0} for p in (d / "stages").iterdir()} for d in (a, b)]
    assert results[0] == results[1]
    rows = [[row | {"ms_per_step": 0} for row in RunDirectory(d).history()] for d in (a, b)]
    logs = [sorted(json.dumps(row, sort_keys=True) for row in each) for each in rows]
    assert logs[0] == logs[1]


def test_killed_again_and_again_it_ends_in_the_same_weights(straight, tmp_path):
    recipe, expected = straight
    chance = random.Random(0)
    deaths = 0
    # Each attempt lives a little past the point where the one before died, so that every stage sees several deaths:
    # in the middle of a file, before and after a rename, between checkpoints, between stages.
    while not run(recipe, tmp_path / "run", kill_at=chance.randint(10, 40)):
        deaths += 1
        assert deaths < 60
    assert deaths >= 4
    same(expected, tmp_path / "run")


@pytest.mark.slow
def test_killed_at_any_moment(straight, tmp_path):
    recipe, expected = straight
    chance = random.Random(1)
    patience = 1.0
    while not run(recipe, tmp_path / "run", after=chance.uniform(0.3, patience)):
        patience *= 1.3
    same(expected, tmp_path / "run")


def test_patience_and_the_choice_of_weights_took_place(straight):
    """So that the runs above were stopped and continued with both of them at work."""
    _, run_directory = straight
    recover, prune = (RunDirectory(run_directory).finished(name) for name in ("recover", "prune"))
    assert list(recover["evaluated"]) == ["1", "2", "3"] and len(prune["weights_of_steps"]) == 2


def test_a_finished_run_is_not_touched(straight):
    recipe, directory = straight
    before = {p: p.stat().st_mtime_ns for p in directory.rglob("*") if p.is_file()}
    assert run(recipe, directory)
    assert {p: p.stat().st_mtime_ns for p in directory.rglob("*") if p.is_file()} == before
    assert not list(directory.rglob("*.partial")) and not list((directory / "checkpoints").iterdir())

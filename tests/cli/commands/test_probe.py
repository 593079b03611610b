"""``sottovoce probe``: two encoders side by side on data of one's own; faults in one line."""

from __future__ import annotations

import json

import pytest

from toy_recipe import toy, write


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bands")
    stages = [{"fine_tune": {"steps": 9, "freeze": True}}]
    return write(toy(folder, name="bands", stages=stages), folder / "bands.yaml")


def test_two_side_by_side(sottovoce, models, recipe, tmp_path):
    asked = (
        "probe",
        models / "ours",
        "--against",
        models / "ours",
        "--recipe",
        recipe,
        "--steps",
        1,
        "--run",
        tmp_path,
    )
    said = sottovoce(*asked, "--json")
    assert said.code == 0, said.err
    ours, again = json.loads(said.out)
    assert ours == again  # the same network under the same seed
    assert ours["scores"][0]["metric"] == "eer" and "1/1" not in said.out and "bands" in said.err
    shown = sottovoce(*asked)
    assert shown.code == 0 and f"{100 * ours['scores'][0]['value']:.2f} %" in shown.out and "bands: EER" in shown.out


FAULTS = {
    ("--task", "recogniton"): "--task recogniton: unknown; did you mean 'recognition'?",
    ("--recipe", "nowhere.yaml"): "nowhere.yaml: no such file, and no recipe of that name",
    ("--task", "intent", "--set", "data.btach=2"): "data.btach: unknown; did you mean 'batch'?",
    ("--task", "intent", "--against", "./nowhere"): "nowhere: no such file or directory",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_told_before_anything_is_written(sottovoce, models, tmp_path, fault):
    said = sottovoce("probe", models / "ours", "--run", tmp_path / "run", *fault)
    assert said.code == 2 and FAULTS[fault] in said.err and "Traceback" not in said.err
    assert not (tmp_path / "run").exists()

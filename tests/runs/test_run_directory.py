import json

import pytest

from sottovoce.errors import RecipeError
from sottovoce.files import whole_directory, whole_file
from sottovoce.recipe.stage_names import START
from sottovoce.runs.run_directory import RunDirectory, differences
from strict_json import strictly


def test_what_is_not_finished_is_not_there(tmp_path):
    with pytest.raises(RuntimeError), whole_file(tmp_path / "a.txt") as path:
        path.write_text("half")
        raise RuntimeError
    with pytest.raises(RuntimeError), whole_directory(tmp_path / "b") as path:
        (path / "x").write_text("half")
        raise RuntimeError
    assert not (tmp_path / "a.txt").exists() and not (tmp_path / "b").exists()
    for content in ("first", "second"):
        with whole_directory(tmp_path / "b") as path:
            (path / content).write_text(content)
    assert [each.name for each in (tmp_path / "b").iterdir()] == ["second"]


def test_a_changed_recipe_is_refused_with_what_differs(tmp_path):
    run = RunDirectory(tmp_path / "run")
    recipe = {"name": "a", "stages": [{"prune": {"steps": 100, "crop": (1, 2)}}], "budget": {"params": 0.2}}
    run.record_recipe({**recipe, "seed": 1})
    run.record_recipe(recipe)  # there is no model yet
    run.finish(START, {})
    again = RunDirectory(tmp_path / "run")
    again.record_recipe(recipe)
    with pytest.raises(RecipeError) as caught:
        again.record_recipe(
            {"name": "a", "stages": [{"prune": {"steps": 200, "crop": (1, 2)}}], "budget": {"macs": 0.2}}
        )
    assert [line.strip() for line in str(caught.value).splitlines()[1:-1]] == [
        "stages[0].prune.steps: 100 before, 200 now",
        "budget.params: 0.2 before, absent now",
        "budget.macs: absent before, 0.2 now",
    ]


def test_lists_of_other_lengths_differ_as_a_whole():
    assert list(differences({"a": [1, 2]}, {"a": [1]})) == ["a: [1, 2] before, [1] now"]


def test_other_peoples_directories_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(RecipeError, match="not empty"):
        RunDirectory(tmp_path)
    with pytest.raises(RecipeError, match="a file"):
        RunDirectory(tmp_path / "thesis.tex")


def test_a_run_that_was_killed_before_its_recipe_was_whole_can_begin_again(tmp_path):
    (tmp_path / "recipe.yaml.partial").write_text("na")
    RunDirectory(tmp_path).record_recipe({"name": "x"})


def test_metrics_beyond_the_resumed_step_are_dropped(tmp_path):
    run = RunDirectory(tmp_path)
    for stage in ("a", "b"):
        for step in (1, 2, 3):
            run.log(stage, step, {"loss": step / 2})
    with open(run.metrics, "a") as file:
        file.write('{"stage": "b", "st')  # killed while writing
    run.drop_metrics("b", after=1)
    assert [(r["stage"], r["step"]) for r in run.history()] == [("a", 1), ("a", 2), ("a", 3), ("b", 1)]
    assert [r["loss"] for r in run.history("a")] == [0.5, 1.0, 1.5]


def test_numbers_that_json_does_not_have_are_null_with_a_reason(tmp_path):
    run = RunDirectory(tmp_path)
    run.log("a", 1, {"loss": float("nan"), "dev/eer": float("inf")})
    (row,) = [strictly(line) for line in run.metrics.read_text().splitlines()]
    assert row["loss"] is None and row["loss_reason"] == "not a number" and row["dev/eer_reason"] == "infinite"
    run.finish("a", {"test": {"eval": {"eer": float("nan"), "trials": 3}}})
    told = {"eer": None, "eer_reason": "not a number", "trials": 3}
    assert strictly(run.marker("a").read_text())["test"]["eval"] == told


def test_stages_are_finished_by_their_marker(tmp_path):
    run = RunDirectory(tmp_path)
    assert run.finished("prune") is None
    run.finish("prune", {"eer": 0.1})
    assert run.finished("prune") == {"eer": 0.1} == json.loads(run.marker("prune").read_text())

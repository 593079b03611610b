import copy
import os

import pytest

from sottovoce.errors import RecipeError
from sottovoce.runs.recipe import Recipe
from sottovoce.runs.recipe_file import read_recipe
from toy_recipe import toy, write


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return toy(tmp_path_factory.mktemp("corpus"))


def problems(data, tmp_path, *changes):
    with pytest.raises(RecipeError) as caught:
        read_recipe(write(data, tmp_path / "recipe.yaml"), changes)
    first, *more = str(caught.value).splitlines()
    return [line.strip() for line in more] or [first.removeprefix(f"{tmp_path / 'recipe.yaml'}: ")]


def test_resolved_it_reads_back_as_itself(base, tmp_path):
    recipe = read_recipe(write(base, tmp_path / "a.yaml"))
    again = read_recipe(write(recipe.resolved(), tmp_path / "b.yaml"))
    assert again.resolved() == recipe.resolved()
    assert recipe.names() == ["fine_tune", "prune", "distill", "recover"]
    assert recipe.stages[1].options.clip == 5.0


def test_all_problems_are_told_together(base, tmp_path):
    data = copy.deepcopy(base)
    data["stages"][1]["prune"]["stpes"] = 3
    data["stages"][1]["prune"]["ramp"] = {"steps": 99}
    data["stages"][2]["distill"]["distillation"] = {"teacher": "fine_tun", "layres": [0]}
    data["stages"][3]["fine_tune"] |= {"name": "prune", "start": "nowhere", "keep": "best", "loss": {"margn": 0.1}}
    data["data"]["train"] = ["tyo/train", "toy/trian"]
    data["budget"] = {"params": 20}
    assert problems(data, tmp_path) == [
        "budget: budget: params is 20, neither a fraction up to 1 nor a plausible amount; give a fraction kept "
        "(0.2, 20%) or an amount (20M, 1.1G)",
        "stages[1].prune.stpes: unknown; did you mean 'steps'?",
        "stages[2].distill.distillation.layres: unknown; did you mean 'layers'?",
        "stages[3].fine_tune: keep, average and patience need evaluations on data.dev; set evaluate_every",
    ]


def test_problems_between_the_parts(base, tmp_path):
    data = copy.deepcopy(base)
    del data["budget"]
    data["stages"][1]["prune"]["ramp"] = {"steps": 99}
    data["stages"][2]["distill"]["distillation"] = {"teacher": "fine_tun"}
    data["stages"][3]["fine_tune"] |= {"name": "prune", "start": "nowhere", "loss": {"margn": 0.1}}
    data["data"]["train"] = ["tyo/train", "toy/trian"]
    data["data"]["test"]["bands"]["trials"] = "none.txt"
    data["typo"] = 1  # a fault of another kind does not hide the rest
    assert problems(data, tmp_path) == [
        "typo: unknown; known here: about, budget, compute, data, encoder, name, seed, stages, task",
        "data.train[0]: there is no corpus 'tyo'; did you mean 'toy'?",
        "data.train[1]: the corpus toy has no split 'trian'; did you mean 'train'?",
        "data.test.bands.trials: none.txt is neither a file nor a synthesized corpus",
        "stages[1].prune.budget: missing; give one here or for the whole recipe",
        "stages[1].prune.ramp.steps: 99 is more than the stage's 6 steps; the budget is never reached",
        "stages[2].distill.distillation.teacher: no earlier stage and no model is called 'fine_tun'; "
        "did you mean 'fine_tune'?",
        "stages[3].fine_tune.start: no earlier stage is called 'nowhere'; known here: distill, fine_tune, prune, start",
        "stages[3].fine_tune.loss.margn: unknown; did you mean 'margin'?",
        "stages[3].fine_tune.name: 'prune' is taken by an earlier stage; give this one another name",
    ]


def test_what_chooses_cannot_be_what_tests(base, tmp_path):
    data = copy.deepcopy(base)
    data["data"]["dev"] = data["data"]["test"]["bands"]
    assert problems(data, tmp_path) == [
        "data.test.bands: is the same as data.dev, by which models are chosen; take another test set"
    ]


def test_changes_from_the_command_line(base, tmp_path):
    recipe = read_recipe(
        write(base, tmp_path / "r.yaml"),
        [
            "stage.prune.steps=20",
            "stage.recover.lr.encoder=0.5",
            "seed=9",
            "stages[0].fine_tune.steps=7",
            "data.crop=[0.2, 0.3]",
        ],
    )
    assert recipe.stages[1].options.steps == 20 and recipe.stages[0].options.steps == 7
    assert recipe.stages[3].options.lr.encoder == 0.5 and recipe.seed == 9 and recipe.data.crop == (0.2, 0.3)
    assert problems(base, tmp_path, "stage.pruen.steps=1", "stage.prune.setps=1", "nonsense", "data.train[7]=x") == [
        "--set stage.pruen.steps: no stage is called 'pruen'; did you mean 'prune'?",
        "--set nonsense: write path=value, such as stage.prune.steps=200",
        "--set data.train[7]: there is nothing at 7",
        "stages[1].prune.setps: unknown; did you mean 'steps'?",
    ]


def test_extends_merges_sections_and_replaces_lists(base, tmp_path):
    write(base, tmp_path / "base.yaml")
    child = {"extends": "base.yaml", "budget": {"params": 0.25}, "stages": base["stages"][:1], "data": {"batch": 7}}
    recipe = read_recipe(write(child, tmp_path / "child.yaml"))
    assert recipe.names() == ["fine_tune"] and recipe.budget.params == 0.25
    assert recipe.data.batch == 7 and recipe.data.train == ["toy/train"]
    write({"extends": "b.yaml"}, tmp_path / "a.yaml")
    write({"extends": "a.yaml"}, tmp_path / "b.yaml")
    with pytest.raises(RecipeError, match="extends itself"):
        read_recipe(tmp_path / "a.yaml")


def test_packaged_recipes_are_extended_by_name(tmp_path):
    """From any folder; a file of that name goes before."""
    path = write({"extends": "demo", "name": "mine", "seed": 7}, tmp_path / "mine.yaml")
    mine, demo = read_recipe(path).resolved(), read_recipe("demo").resolved()
    assert mine == {**demo, "name": "mine", "seed": 7}
    write({"extends": ["demo", "demo"], "name": "twice"}, path)
    assert read_recipe(path).names() == read_recipe("demo").names()
    write({"name": "other"}, tmp_path / "demo")
    with pytest.raises(RecipeError, match="encoder: missing"):
        read_recipe(path)


@pytest.mark.parametrize(
    "extends, told",
    [
        ("demmo", "mine/demmo: no such file, and no recipe of that name; did you mean 'demo'"),
        ("bsae.yaml", "no such file, and no recipe of that name; did you mean '.*base.yaml'"),
        ("nothing like it", "`sottovoce recipes` lists"),
        ("/dev/zero", "/dev/zero: cannot be read .a device"),
        ("pipe", "cannot be read .a pipe"),
        (".", "cannot be read .a folder"),
        ("huge.yaml", "3,000,000,000 bytes; at most 1,000,000 are read"),
        ("chain0.yaml", "more than 50 files"),
        ("fan0.yaml", "more than 50 files"),
        ("a\0b", "no such file"),
        ("x" * 5000, "no such file"),
        (3, "extends: '3' is no recipe"),
        ({"a": "b"}, "is no recipe"),
        ([["demo"]], "is no recipe"),
        ("", "is no recipe"),
        ("mine.yaml", "extends itself"),
    ],
)
def test_extends_reads_small_files_and_few(tmp_path, extends, told):
    place = tmp_path / "mine"
    place.mkdir()
    os.mkfifo(place / "pipe")
    with open(place / "huge.yaml", "wb") as file:
        file.truncate(3_000_000_000)
    (place / "base.yaml").write_text("name: base\n")
    for k in range(60):
        write({"extends": f"chain{k + 1}.yaml"}, place / f"chain{k}.yaml")
    for k in range(8):
        write({"extends": [f"fan{k + 1}.yaml"] * 10}, place / f"fan{k}.yaml")
    (place / "fan8.yaml").write_text("name: fan\n")
    with pytest.raises(RecipeError, match=told) as caught:
        read_recipe(write({"extends": extends}, place / "mine.yaml"))
    assert len(str(caught.value).splitlines()) == 1


def test_a_change_is_given_once(base, tmp_path):
    assert problems(base, tmp_path, "seed=1", "seed=2", "data.batch=4") == [
        "--set seed: given twice, 1 and 2; leave one out"
    ]


def test_environment_variables(base, tmp_path, monkeypatch):
    data = copy.deepcopy(base)
    data["name"] = "${TOY_NAME}-${TOY_KIND:-plain}"
    assert "name: the environment variable TOY_NAME is not set" in problems(data, tmp_path)
    monkeypatch.setenv("TOY_NAME", "x")
    assert read_recipe(tmp_path / "recipe.yaml").name == "x-plain"


@pytest.mark.parametrize(
    "text, told",
    [
        ("- a\n", "is a mapping"),
        ("a: [1\n", r"not YAML \(line 1: "),
        (b"\xff\xfe\x00", "not a text file"),
        (None, "no such file"),
    ],
)
def test_files_that_are_no_recipes(tmp_path, text, told):
    path = tmp_path / "r.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RecipeError, match=told):
        read_recipe(path)


def test_new_encoders_are_consistent(base):
    config = Recipe.model_validate(base).encoder.config
    assert (config.attention_heads, config.head_dim) == (2, 8)


def test_either_a_checkpoint_or_a_new_encoder(base, tmp_path):
    data = copy.deepcopy(base)
    data["encoder"]["from"] = "somewhere"
    assert problems(data, tmp_path) == ["encoder: give either 'from' (a checkpoint) or 'config' (a new encoder)"]

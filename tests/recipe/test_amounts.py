"""Every number of a recipe has a type and bounds, and names of files lead nowhere else."""

import copy
import math

import pytest

from sottovoce.data.corpora.layouts import LAYOUTS
from sottovoce.data.corpora.layouts.options import options_model
from sottovoce.data.synthesis import SYNTHESES
from sottovoce.errors import RecipeError
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe import Recipe, recipe_problems
from sottovoce.runs.recipe_file import checked_recipe, read_recipe
from sottovoce.tasks.registry import TASKS
from toy_recipe import toy, write

LOSSES = {f"{task} loss": type(options.model_validate({}).loss) for task, options in TASKS.items()}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return toy(tmp_path_factory.mktemp("corpus"))


def numbers(schema, path=""):
    if isinstance(schema, dict):
        if schema.get("type") in ("integer", "number") and "const" not in schema:
            yield path, schema
        for key, value in schema.items():
            yield from numbers(value, f"{path}.{key}")
    elif isinstance(schema, list):
        for k, value in enumerate(schema):
            yield from numbers(value, f"{path}[{k}]")


@pytest.mark.parametrize(
    "model",
    [Recipe, *SYNTHESES.values(), *map(options_model, LAYOUTS.values()), *LOSSES.values()],
    ids=lambda model: model.__name__,
)
def test_every_number_has_bounds_and_is_finite(model):
    found = list(numbers(model.model_json_schema()))
    for path, schema in found:
        assert {"minimum", "exclusiveMinimum"} & schema.keys() and {"maximum", "exclusiveMaximum"} & schema.keys(), path
    assert model is not Recipe or len(found) > 150


@pytest.mark.parametrize(
    "change, told",
    [
        ("data.batch=1000000000000", "data.batch: input should be less than or equal to 65536"),
        ("compute.threads=100000000000000000000", "compute.threads: input should be less than"),
        ("data.crop=1.0e+300", r"data.crop: 1e\+300 s; a length is more than 0 and at most 3600 s"),
        ("data.crop=-1", "data.crop: -1 s; a length is more than 0"),
        ("data.crop=[3, 2]", "data.crop: the first length, 3, is more than the second"),
        ("data.workers=5000", "data.workers: input should be less than"),
        ("stage.prune.steps=1000000000000000000", "stages.1..prune.steps: input should be less than"),
        ("stage.prune.lr.encoder=.nan", "stages.1..prune.lr.encoder: input should be a finite number"),
        ("stage.prune.lr.encoder=.inf", "stages.1..prune.lr.encoder: input should be"),
        ("stage.prune.steps=true", "stages.1..prune.steps: a number is needed, not true"),
        ("seed=100000000000000000000", "seed: input should be less than"),
        ("encoder.config.layers=100000000", "encoder.config.layers: input should be less than"),
        ("encoder.config.hidden_size=1000000000", "encoder.config.hidden_size: input should be less than"),
        ("encoder.config.positional_taps=[100000000000]", r"encoder.config.positional_taps\[0\]: input should be less"),
        ("encoder.config.dropout=.nan", "encoder.config.dropout: "),
        ("encoder.config.front_end=ears", "encoder: .*ears"),
        ("data.augment=[{noise: {snr: [0, .inf]}}]", r"data.augment\[0\].noise.snr\[1\]: input should be"),
        ("budget.params=1.0e+300", "budget.params: "),
        ("budget.seconds=1.0e+300", "budget.seconds: input should be less than"),
        ("task.verification.draws=1000000000", "task.verification.draws: input should be less than"),
        ("task.verification.head.mhfa.width=1000000000000", "width: input should be less than"),
        ("{batch: 60000, crop: 3000}", "data.batch: 60,000 utterances of 3000 s are 180,000,000 s"),
        ("compute.devices=2", "compute.devices: 2: training runs on one device so far; take 1"),
        ("compute.devices=-1", "compute.devices: -1: training runs on one device so far"),
        ("compute.devices=auto", "compute.devices: 'auto': training runs on one device so far"),
        ("compute.devices=[0, 1]", "compute.devices: .0, 1.: training runs on one device so far"),
        ("compute.strategy=ddp", "compute.strategy: unknown"),
        ("compute.num_nodes=2", "compute.num_nodes: unknown"),
        ("compute.accelerator=abacus", "compute.accelerator: "),
        ("data.batch={a: 1, a: 2}", "the key 'a' is there already"),
    ],
)
def test_slips_of_the_keyboard_are_told_in_one_line(base, tmp_path, change, told):
    changes = [change] if not change.startswith("{") else ["data.batch=60000", "data.crop=3000"]
    with pytest.raises(RecipeError, match=told) as caught:
        read_recipe(write(base, tmp_path / "recipe.yaml"), changes)
    assert len(str(caught.value).splitlines()) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["recipe.yaml"]


NOWHERE = [
    "../x",
    "/elsewhere/x",
    "",
    ".",
    "..",
    "a/b",
    "a\\b",
    "a\0b",
    "x" * 101,
    "ä" * 51,
    "a\nb",
    " a",
    "a ",
    ".git",
    "-x",
    "a.",
]


@pytest.mark.parametrize("name", NOWHERE)
def test_names_lead_nowhere_else(base, tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = {**base, "name": name}
    corpora = copy.deepcopy(base)
    corpora["data"]["corpora"][name] = corpora["data"]["corpora"]["toy"]
    splits = copy.deepcopy(base)
    splits["data"]["corpora"]["toy"] = {"import": {"path": str(tmp_path), "layout": "folder", "split": name}}
    for data in (named, corpora, splits):
        with pytest.raises(RecipeError, match="cannot be the name of a file|a name of 10[0-9] bytes"):
            checked_recipe(data, "recipe")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["demo", "größe 2", "NUL", "a.b-c_d", "x" * 100])
def test_other_names_are_fine(base, name):
    assert checked_recipe({**base, "name": name}, "recipe").name == name


def test_a_recipe_made_in_python_is_checked_as_a_file_is(base, tmp_path):
    """By validation, by copying with changes, and without any checks of pydantic's."""
    whole = Recipe.model_validate(base)
    data = copy.deepcopy(base)
    del data["budget"]
    with pytest.raises(RecipeError) as from_file:
        read_recipe(write(data, tmp_path / "recipe.yaml"))
    line = str(from_file.value).removeprefix(f"{tmp_path / 'recipe.yaml'}: ")
    assert line == "stages[1].prune.budget: missing; give one here or for the whole recipe"
    data["stages"][0]["fine_tune"]["evaluate_every"] = 2
    for recipe, told in [
        (whole.model_copy(update={"budget": None}), line),
        (Recipe.model_validate(data), "evaluate_every: there is no data.dev to evaluate on"),
        (whole.model_copy(update={"seed": math.nan}), "seed: "),
        (Recipe.model_construct(**base), ""),
        (Recipe.model_construct(), ""),
    ]:
        with pytest.raises(RecipeError, match=told.replace("[", r"\[")):
            compress(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(RecipeError) as made:
        Recipe(**data)
    assert sorted(str(made.value).splitlines()[1:]) == sorted(f"  {each}" for each in recipe_problems(data))
    assert any(line in each for each in str(made.value).splitlines())
    with pytest.raises(RecipeError, match=r"^recipe: seed: input should be greater than or equal to 0 \(got -1\)$"):
        Recipe(**(base | {"seed": -1}))
    with pytest.raises(RecipeError, match="^recipe: sed: unknown; did you mean 'seed'"):
        Recipe(**base, sed=1)
    assert Recipe(**base) == Recipe(**dict(whole)) == whole  # of plain data, or of sections

"""The stage that writes linear maps in factors, and what follows it."""

import copy
import io

import pytest
from rich.console import Console
from torch import nn

from corpus import write_corpus
from sottovoce.encoder.layers.low_rank import factored_paths
from sottovoce.errors import RecipeError
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.costs import cost
from sottovoce.runs.compression import compress
from toy_recipe import toy, write


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    data = toy(write_corpus(tmp_path_factory.mktemp("corpus")))
    data["data"]["test"] = {}
    data["budget"] = {"params": 0.7}
    prune = copy.deepcopy(next(s["prune"] for s in data["stages"] if "prune" in s))
    prune |= {
        "kinds": ["rank", "head"],
        "distillation": {"teacher": "fine_tune"},
        "round_to": 1,
        "scope": "model",
        "task": 1.0,
    }
    data["stages"] = [
        data["stages"][0],
        {"factorize": {"linears": ["layers.*", "head.*"], "weighted": "inputs", "batches": 2}},
        {"prune": prune},
        {"distill": {"steps": 1, "distillation": {"teacher": "fine_tune"}}},
        {"factorize": {"name": "halved", "start": "fine_tune", "ranks": 0.5, "linears": ["layers.0.*"]}},
    ]
    return data


def carry_out(data, tmp_path):
    return compress(
        write(data, tmp_path / "toy.yaml"), tmp_path / "run", console=Console(file=io.StringIO(), width=200)
    )


def test_ranks_are_learned_under_the_budget(recipe, tmp_path):
    run = carry_out(recipe, tmp_path)
    whole, factored, small = (
        TaskModel.from_pretrained(str(run.model(name))) for name in ("fine_tune", "factorize", "distill")
    )
    assert len(factored_paths(factored.encoder.shape)) == 12
    linears = {path for path, module in whole.head.named_modules() if type(module) is nn.Linear}
    assert set(factored_paths(factored.head.shape)) == linears
    assert cost(small).params <= 0.7 * cost(whole).params
    assert run.finished("prune")["equality"] < 1e-9
    paths = factored_paths(TaskModel.from_pretrained(str(run.model("halved"))).encoder.shape)
    assert paths and all(path.startswith("layers.0.") and ranks == 8 for path, ranks in paths.items())


@pytest.mark.parametrize("pattern", ["layer.*", "head.joiner.*"])
def test_a_pattern_that_fits_nothing_is_told_before_anything_runs(recipe, tmp_path, pattern):
    data = copy.deepcopy(recipe)
    data["stages"][1]["factorize"]["linears"] = ["layers.*", pattern]
    with pytest.raises(RecipeError, match=rf"stages\[1\].factorize.*'{pattern}' matches no linear map"):
        carry_out(data, tmp_path)
    assert not (tmp_path / "run" / "models").exists()


def test_ranks_cannot_be_pruned_before_there_are_any(recipe, tmp_path):
    data = copy.deepcopy(recipe)
    data["stages"].insert(1, {"slim": {"kinds": ["rank"]}})
    with pytest.raises(RecipeError, match="no unit of the kind 'rank'"):
        carry_out(data, tmp_path)

"""Probes: nothing but heads is trained, encoders are told apart, and what is no probe is refused."""

import io
import json

import pytest
import torch
import yaml
from rich.console import Console

from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import CheckpointError, RecipeError
from sottovoce.pruning.costs import cost
from sottovoce.recipe.packaged import find_recipe
from sottovoce.report.tables.probes import probe_table
from sottovoce.runs.probing import PROBES, probe
from sottovoce.runs.recipe_file import read_recipe
from tiny_models import tiny_config, tiny_model
from toy_recipe import toy, write

POOLED = {"pooled": {"width": 8, "size": 8, "fusion": {"sum": {"normalize": "none"}}, "pooling": "statistics"}}


def quiet():
    return Console(file=io.StringIO(), width=200)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Three encoders: with a head, without one, and one that hears nothing; and a probe on bands of noise."""
    place = tmp_path_factory.mktemp("probe")
    tiny_model().save_pretrained(place / "task")
    torch.manual_seed(1)
    shape = uniform_shape(hidden_size=32, layers=1, heads=2, ffn=8, conv_channels=None, positional_groups=None)
    options = {"front_end": "filterbank", "feature_norm": "level", "layer": "pre_norm"}
    encoder = SpeechEncoder(EncoderConfig(shape=shape, head_dim=16, attention_heads=2, **options))
    encoder.save_pretrained(place / "bare")
    with torch.no_grad():
        encoder.frontend.projection.linear.weight.zero_()
    encoder.save_pretrained(place / "deaf")
    data = toy(place)
    data["name"] = "bands"
    data["task"] = {"verification": {"head": POOLED, "loss": {"margin": 0.0}, "mean_utterances": 4, "draws": 20}}
    data["data"] |= {"augment": [], "batch": 12}
    rates = {"encoder": 1e-2, "head": 1e-2}  # that of the encoder moves nothing
    data["stages"] = [{"fine_tune": {"name": "probe", "steps": 3, "freeze": True, "lr": rates}}]
    write(data, place / "bands.yaml")
    return place


def changed(place, tmp_path, change):
    data = yaml.safe_load((place / "bands.yaml").read_text())
    change(data)
    return write(data, tmp_path / "changed.yaml")


def test_an_encoder_that_hears_is_told_from_one_that_does_not(place, tmp_path):
    models, recipes = [place / "bare", place / "deaf"], [place / "bands.yaml"]
    found = probe(models, tmp_path / "runs", recipes, steps=20, console=quiet())
    hears, deaf = (each.scores["bands", "bands"] for each in found)
    assert [each.model for each in found] == [str(model) for model in models] and hears.metric == "eer"
    assert hears.value < 0.2 and deaf.value > 0.35
    assert found[0].cost.params == sum(p.numel() for p in SpeechEncoder.from_pretrained(place / "bare").parameters())
    stage = json.loads((tmp_path / "runs" / "1-bare" / "bands" / "stages" / "probe.json").read_text())
    assert stage["test"]["bands"]["eer"] == hears.value
    resolved = (tmp_path / "runs" / "2-deaf" / "bands" / "recipe.yaml").read_text()
    assert "steps: 20" in resolved and "dropout: 0.0" in resolved and "head: new" in resolved
    out = io.StringIO()
    Console(file=out, width=300).print(probe_table(found))
    assert (
        f"{100 * hears.value:.2f} %" in out.getvalue()
        and "bands: EER" in out.getvalue()
        and "66 trials" in out.getvalue()
    )


def test_the_same_call_goes_on_and_keeps_no_models(place, tmp_path):
    models, recipes = [place / "task", place / "bare"], [place / "bands.yaml"]
    first = probe(models, tmp_path, recipes, seed=5, console=quiet())
    log = (tmp_path / "1-task" / "bands" / "metrics.jsonl").read_text()
    said = quiet()
    again = probe(models, tmp_path, recipes, seed=5, console=said)
    assert [each.to_dict() for each in again] == [each.to_dict() for each in first]
    assert said.file.getvalue().count("probe: finished before") == 2
    assert (tmp_path / "1-task" / "bands" / "metrics.jsonl").read_text() == log
    assert {path.parent.name for path in tmp_path.rglob("*.safetensors")} == {"objectives"}
    assert first[0].cost.params == cost(tiny_model().encoder).params  # of the encoder, without its head
    with pytest.raises(RecipeError, match="seed: 5 before, 6 now"):
        probe(models, tmp_path, recipes, seed=6, console=quiet())


@pytest.mark.parametrize("task", PROBES)
def test_the_probes_that_come_along(task):
    recipe = read_recipe(find_recipe(PROBES[task]))
    (stage,) = recipe.stages
    assert recipe.task.kind == task and recipe.name == PROBES[task]
    assert stage.options.freeze and stage.options.steps == 500 and recipe.encoder.dropout == 0
    assert [each.cuts for each in recipe.data.test.values()] == ["speech/test"] and recipe.data.train == [
        "speech/train"
    ]


@pytest.mark.slow
def test_all_tasks_at_toy_scale(place, tmp_path):
    found = probe([place / "bare"], tmp_path, smoke_test=True, console=quiet())[0]
    assert {name.removesuffix("-smoke-test") for name, _ in found.scores} == set(PROBES.values())
    assert {score.metric for score in found.scores.values()} == {"der", "exact_match", "wer", "min_dcf", "eer"}


# --- bad input ---


def thaw(data):
    data["stages"][0]["fine_tune"]["freeze"] = False


def slim(data):
    data["stages"].append({"slim": {}})


def untested(data):
    data["data"]["test"] = {}


def unevaluated(data):
    data["stages"][0]["fine_tune"]["evaluate"] = False


@pytest.mark.parametrize(
    "change, told",
    [
        (thaw, "the stage probe of bands trains the encoder; take fine_tune: {freeze: true}"),
        (slim, "the stage slim of bands trains the encoder"),
        (untested, "bands tests nothing; give data.test"),
        (unevaluated, "bands tests nothing; give data.test, and evaluate its last stage"),
    ],
)
def test_a_recipe_that_is_no_probe(place, tmp_path, change, told):
    with pytest.raises(RecipeError, match=told):
        probe([place / "bare"], tmp_path / "runs", [changed(place, tmp_path, change)], console=quiet())
    assert not (tmp_path / "runs").exists()


def test_models_and_recipes_that_do_not_fit(place, tmp_path):
    config = tiny_config()
    config.downsampling = 2
    SpeechEncoder(config).save_pretrained(tmp_path / "slow")
    with pytest.raises(RecipeError, match="slow has frames of 40 ms, and diarization is labeled every 20 ms"):
        probe([tmp_path / "slow"], tmp_path / "runs", ["probe-diarization"], console=quiet())
    with pytest.raises(CheckpointError, match="no such file"):
        probe([place / "bare", "/nowhere/at/all"], tmp_path / "runs", [place / "bands.yaml"], console=quiet())
    with pytest.raises(RecipeError, match="two of the recipes have the same name"):
        probe([place / "bare"], tmp_path / "runs", [place / "bands.yaml"] * 2, console=quiet())
    with pytest.raises(RecipeError, match="did you mean 'batch'"):
        probe([place / "bare"], tmp_path / "runs", [place / "bands.yaml"], changes=["data.btach=3"], console=quiet())
    with pytest.raises(RecipeError, match="no recipe of that name; did you mean 'probe-intent'"):
        probe([place / "bare"], tmp_path / "runs", ["probe-intents"], console=quiet())
    assert not (tmp_path / "runs").exists()

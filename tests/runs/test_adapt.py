"""The LoRA stage: adapters on our own linear maps learn (those on the stock WavLM never do), and merging is exact."""

import copy
import io

import pytest
import torch
from rich.console import Console

from corpus import write_corpus
from families import FAMILIES, randomize, speech
from sottovoce import SpeechEncoder
from sottovoce.errors import RecipeError, TrainingError
from sottovoce.models.task_model import TaskModel
from sottovoce.runs.compression import compress
from sottovoce.training.adapters import attach_adapters, merge_adapters
from toy_recipe import toy, write

TARGETS = ["attention.q", "attention.v"]


def encoder(family):
    return SpeechEncoder.from_transformers(randomize(FAMILIES[family](), seed=3)).eval().double()


def states(model):
    wave, lengths = speech(8000, 5300)
    return model(wave.double(), lengths).hidden_states


@pytest.mark.parametrize("family", ["wavlm_base", "wav2vec2_bert"])
def test_every_adapter_learns_and_merging_changes_nothing(family):
    model = encoder(family)
    before = [state.detach() for state in states(model)]
    assert attach_adapters(model, TARGETS, rank=4, alpha=8) == 6
    assert max((a - b).abs().max() for a, b in zip(before, states(model), strict=True)) < 1e-12  # they start at nothing
    adapters = {name: p for name, p in model.named_parameters() if "lora" in name}
    assert len(adapters) == 12 and all(p.requires_grad == (name in adapters) for name, p in model.named_parameters())
    with torch.no_grad():
        for p in adapters.values():
            p.normal_(std=0.1)
    adapted = states(model)
    sum(state.square().mean() for state in adapted).backward()
    for name, p in adapters.items():
        assert p.grad is not None and p.grad.abs().max() > 0, name
    merge_adapters(model)
    assert max((a - b).abs().max() for a, b in zip(before, adapted, strict=True)) > 1e-3
    assert max((a - b).abs().max() for a, b in zip(states(model), adapted, strict=True)) < 1e-12
    fresh = encoder(family)
    assert model.state_dict().keys() == fresh.state_dict().keys() and all(p.requires_grad for p in model.parameters())


def test_a_target_that_is_not_there_is_named():
    with pytest.raises(TrainingError, match=r"no linear map ends in 'query'; in the layers there are attention.k, "):
        attach_adapters(encoder("wavlm_base"), ["query"], rank=2, alpha=2)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    data = toy(write_corpus(tmp_path_factory.mktemp("corpus")))
    data["data"]["test"] = {}
    data["stages"] = [{"adapt": {"steps": 4, "rank": 2, "alpha": 4, "checkpoint_every": 1, "lr": {"encoder": 1e-2}}}]
    return data


def test_a_run_ends_with_a_plain_model_whose_other_weights_rested(recipe, tmp_path):
    run = compress(write(recipe, tmp_path / "a.yaml"), tmp_path / "run", console=Console(file=io.StringIO()))
    start, end = (TaskModel.from_pretrained(str(run.model(name))).state_dict() for name in ("start", "adapt"))
    changed = {name for name in start if name.startswith("encoder") and not torch.equal(start[name], end[name])}
    assert changed == {f"encoder.layers.{k}.attention.{m}.weight" for k in range(2) for m in "qv"}
    assert not torch.equal(start["head.project.weight"], end["head.project.weight"])
    assert run.finished("adapt")["adapters"] == 4


def test_a_wrong_target_is_told_before_anything_runs(recipe, tmp_path):
    data = copy.deepcopy(recipe)
    data["stages"][0]["adapt"]["targets"] = ["query"]
    with pytest.raises(RecipeError, match=r"stages\[0\].adapt.targets: no linear map ends in 'query'"):
        compress(write(data, tmp_path / "a.yaml"), tmp_path / "run", console=Console(file=io.StringIO()))

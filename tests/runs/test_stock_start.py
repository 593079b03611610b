"""Recipes that go on with a stock recognizer, and the cards of what they make."""

from __future__ import annotations

import io
import json
import warnings

import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from rich.console import Console

from families import speech
from sottovoce.errors import RecipeError
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.costs import cost, human
from sottovoce.recipe.encoder_options import EncoderOptions
from sottovoce.runs.compression import compress
from sottovoce.tasks.recognition import Recognition
from stock_models import save, stock_inputs
from tones import tone_recipe, write_tones

LETTERS = ["<s>", "</s>", "<unk>", "|", "A", "B", "C", "D", "'", "<pad>", "Z"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("stock")
    (place / "tones").mkdir()
    write_tones(place / "tones", train=8, dev=4, test=4)
    save("wavlm_large", "CTC", place / "recognizer")
    (place / "recognizer" / "vocab.json").write_text(json.dumps({token: k for k, token in enumerate(LETTERS)}))
    (place / "recognizer" / "README.md").write_text("---\nlicense: mit\n---\n# a recognizer\n")
    return place


@pytest.fixture(scope="module")
def run(place):
    recipe = tone_recipe(place / "tones")
    recipe["encoder"] = {"from": str(place / "recognizer")}
    teacher = {"teacher": str(place / "recognizer")}
    recipe["stages"] = [
        {
            "prune": {
                "steps": 3,
                "task": 1.0,
                "kinds": ["ffn"],
                "distillation": teacher,
                "ramp": {"steps": 2},
                "round_to": 1,
            }
        },
        {"distill": {"steps": 1, "task": 1.0, "distillation": teacher}},
    ]
    recipe["budget"] = {"params": 0.9}
    (place / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compress(place / "recipe.yaml", place / "run", console=Console(file=io.StringIO()))


@torch.no_grad()
def test_it_starts_as_the_stock_recognizer_and_keeps_its_vocabulary(place, run):
    import transformers as tf

    start = TaskModel.from_pretrained(run.model("start")).eval()
    stock = tf.AutoModelForCTC.from_pretrained(place / "recognizer").eval()
    wave = speech(20000)[0][0]
    expected = stock(**stock_inputs(place / "recognizer", wave)).logits[0]
    assert torch.allclose(start(wave[None]).logits[0], expected[:, [9, *range(9), 10]], atol=1e-3)
    labels = ["<blank>", "<s>", "</s>", "<unk>", " ", "A", "B", "C", "D", "'", "Z"]
    for stage in ("start", "prune", "distill"):
        model = TaskModel.from_pretrained(run.model(stage))
        assert model.config.labels == labels and model.config.encoder.origin == {"name": "recognizer", "license": "mit"}
    assert not torch.equal(start.head.output.weight, model.head.output.weight)  # it was trained on


def test_the_card_tells_what_was_measured(place, run):
    card, results = ModelCard.load(run.model("distill") / "README.md"), run.finished("distill")
    data, text = card.data, card.text
    assert (data.license, data.base_model, data.pipeline_tag) == ("mit", None, "automatic-speech-recognition")
    assert data.model_name == "toy-distill" and "recognition" in data.tags
    told = {(each.dataset_name, each.metric_type): each for each in data.eval_results}
    for name, numbers in {"dev": results["dev"], **results["test"]}.items():
        for metric in ("wer", "cer"):
            interval = numbers[f"{metric}_interval"]
            assert told[name, metric].metric_value == numbers[metric]
            assert told[name, metric].metric_args["interval"] == [interval["low"], interval["high"]]
        assert numbers["protocol"] in text
    model = TaskModel.from_pretrained(run.model("distill"))
    for number in (
        cost(model.encoder, 1.0).params,
        cost(model.encoder, 1.0).macs,
        sum(p.numel() for p in model.parameters()),
    ):
        assert human(number) in text
    assert "tones/train: 8 utterances" in text and "started from recognizer" in text
    assert "- prune: steps 3, task 1, budget params 0.9" in text and "distillation from recognizer" in text
    assert "come from recognizer, whose license is: mit" in text
    for file in run.model("distill").iterdir():
        assert str(place).encode() not in file.read_bytes(), file.name


def test_where_it_does_not_fit_the_head_is_new(place, tmp_path):
    from sottovoce.tasks.verification import Verification

    source = {"from": str(place / "recognizer")}
    small = Verification.model_validate({"head": {"mhfa": {"width": 6, "heads": 3, "size": 10}}})
    with pytest.warns(
        UserWarning, match="its head starts anew: it is a model for recognition, the recipe for verification"
    ):
        model = EncoderOptions.model_validate(source).build(small, 0)
    assert model.config.head["kind"] == "mhfa" and model.config.encoder.origin["license"] == "mit"
    with pytest.raises(RecipeError, match="it is a model for recognition, the recipe for verification; take head: new"):
        EncoderOptions.model_validate({**source, "head": "keep"}).build(small, 0)
    with pytest.raises(ValueError, match="a new encoder has no head to keep"):
        EncoderOptions.model_validate({"config": {}, "head": "keep"})


def test_a_new_head_on_request(place):
    from sottovoce.data.corpora.cuts import read_cuts

    cuts = list(read_cuts(place / "tones" / "train.jsonl.gz"))
    options = EncoderOptions.model_validate({"from": str(place / "recognizer"), "head": "new"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = options.build(Recognition(), 0, cuts)
    assert model.config.labels == ["<blank>", " ", *"abcd"] and model.head.inner is not None

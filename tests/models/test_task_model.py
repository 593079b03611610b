import json

import pytest
import torch
from transformers.utils import logging

from sottovoce.errors import CheckpointError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim
from tiny_models import HEAD, output_elsewhere, speech, tiny_config, tiny_model

CTC = {"kind": "ctc", "outputs": 3, "width": 8}


def test_saved_and_loaded_it_is_the_same(tmp_path):
    model = tiny_model()
    model.scoring.fit_mean(torch.randn(5, HEAD["size"]))
    model.scoring.threshold.fill_(0.25)
    model.save_pretrained(tmp_path)
    again = TaskModel.from_pretrained(tmp_path)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert torch.equal(model(speech()).output, again.eval()(speech()).output)
    assert again.config.task == "verification"


def test_no_bar_of_tensors_is_shown_and_those_of_others_stay(tmp_path, capfd):
    logging.enable_progress_bar()
    tiny_model().save_pretrained(tmp_path)
    TaskModel.from_pretrained(tmp_path)
    assert capfd.readouterr() == ("", "") and logging.is_progress_bar_enabled()


def test_slim_saved_and_slimmed_again(tmp_path):
    model = tiny_model()
    small = slim(model, Plan.to_shape(model, {"ffn": [5, 0], "head": [1, 2], "encoder.residual": 12}))
    small.save_pretrained(tmp_path)
    again = TaskModel.from_pretrained(tmp_path)
    assert torch.equal(small(speech()).output, again.eval()(speech()).output)
    smaller = slim(again, Plan.to_shape(again, {"ffn": [2, 0]}))
    assert smaller.shape["encoder"]["layers"][0]["feed_forward"]["units"] == 2
    assert smaller.original_shape == model.shape


def test_strict(tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["head"]["size"] = 11
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="head.project"):
        TaskModel.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "fields, told",
    [
        ({"head": {"kind": "mfha"}}, "mfha"),
        ({"scoring": "euclid"}, "euclid"),
        ({"head": {"kind": "mhfa", "w": 1}}, "'w'"),
        (
            {"scoring": "cosine", "scoring_options": {"cohort": 4, "top": 0}},
            "top is 0; it must be a whole number from 2",
        ),
        ({"scoring": "cosine", "scoring_options": {"cohort": 4, "top": 5}}, "top is 5 and the cohort has 4 speakers"),
        ({"scoring": "cosine", "scoring_options": {"measures": ["duration"]}}, "duration low, duration high"),
        ({"scoring": "cosine", "scoring_options": {"measures": ["cohort low"]}}, "cohort, and there is none"),
        ({"task": "spoofing", "scoring": "llr", "labels": ["bonafide", "spoof"]}, "are spoof, bonafide"),
        ({"task": "verification"}, "scoring is None; that of a model for verification is cosine"),
        ({"task": "spoofing", "scoring": "cosine"}, "scoring is 'cosine'; that of a model for spoofing is llr"),
        ({"task": "recognition", "labels": ["a"]}, "the head is mhfa; that of a model for recognition labels frames"),
        ({"head": CTC, "labels": ["<blank>", "a", "a"]}, "'a' is empty or occurs twice"),
        ({"head": CTC, "labels": ["<blank>", "", "a"]}, "'' is empty or occurs twice"),
        (
            {"head": CTC, "labels": ["<blank>", "a", "b"], "spelling": {"c": "x"}},
            "spelling has 'c', which is none of the 3",
        ),
        ({"head": CTC, "labels": ["<blank>", "a", "b"], "aliases": {"b": "c"}}, "'b' is 'c', which is no label"),
        ({"head": CTC, "labels": ["<blank>", "a", "b"], "aliases": {"b": "a", "a": "b"}}, "an alias itself"),
        (
            {"encoder": tiny_config().to_dict() | {"position": "rotary", "head_dim": 7}},
            "channels i and i [+] 3 of every 7",
        ),
    ],
)
def test_unknown_parts_are_named(fields, told):
    with pytest.raises(CheckpointError, match=told):
        TaskModel(TaskConfig(**({"encoder": tiny_config()} | fields)))


def test_scores_are_cosines_of_centerd_unit_vectors():
    model = tiny_model()
    vectors = torch.randn(20, HEAD["size"]) + 2
    model.scoring.fit_mean(vectors)
    a, b = vectors[:10], vectors[10:]
    mean = (vectors / vectors.norm(dim=1, keepdim=True)).mean(0)
    left, right = (v / v.norm(dim=1, keepdim=True) - mean for v in (a, b))
    expected = (left * right).sum(1) / left.norm(dim=1) / right.norm(dim=1)
    assert (model.scoring(a, b) - expected).abs().max() < 1e-6
    assert (model.scoring(a * 7, b) - expected).abs().max() < 1e-6


def test_portable_it_loads_where_this_package_is_not_installed(tmp_path):
    model = tiny_model()
    small = slim(model, Plan.to_shape(model, {"ffn": [5, 0], "encoder.residual": 12}))
    assert torch.equal(output_elsewhere(small, speech(), tmp_path), small(speech()).output)

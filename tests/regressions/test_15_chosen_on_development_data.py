"""Fault 15: early stopping and averaging looked at the training set; validation errors were averaged over batches."""

import pytest

from corpus import write_corpus
from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.errors import RecipeError
from sottovoce.metrics.detection.trials import read_trials
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.tasks.scoring import embedding
from sottovoce.tasks.task import EvaluationData
from sottovoce.tasks.verification import Verification
from tiny_models import tiny_model
from toy_recipe import toy, write


def test_choosing_needs_development_data_that_is_not_tested_on(tmp_path):
    """Early stopping and averaging chose weights by the training set, or by the set that is reported."""
    data = toy(tmp_path)
    data["stages"] = [{"fine_tune": {"steps": 2, "evaluate_every": 1, "keep": "best"}}]
    with pytest.raises(RecipeError, match="no data.dev"):
        read_recipe(write(data, tmp_path / "a.yaml"))
    data["data"]["dev"] = data["data"]["test"]["bands"]
    with pytest.raises(RecipeError, match="is the same as data.dev, by which models are chosen"):
        read_recipe(write(data, tmp_path / "b.yaml"))
    data["data"]["test"] = {}
    read_recipe(write(data, tmp_path / "c.yaml"))


def test_a_score_is_of_all_trials_and_not_a_mean_over_batches(tmp_path, monkeypatch):
    """Validation errors were averaged over batches, so they depended on the batch size."""
    folder = write_corpus(tmp_path)
    cuts, trials = list(read_cuts(folder / "test.jsonl.gz")), read_trials(folder / "trials.txt")
    model, task, scores = tiny_model(), Verification(draws=2), []
    task.calibrate(model, cuts)
    whole = embedding.EvaluationBatches
    for size in (1, 5, 12):
        monkeypatch.setattr(embedding, "EvaluationBatches", lambda c, s=size, **_: whole(c, batch_size=s))
        scores.append(task.evaluate(model, EvaluationData(cuts, trials))["eer"])
    assert scores[0] == scores[1] == scores[2]

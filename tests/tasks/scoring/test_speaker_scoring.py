"""Back-end, AS-norm and calibration: the numbers against a plain computation, and that they travel with the model."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from corpus import write_corpus
from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.errors import DataError
from sottovoce.inference.verification import verify
from sottovoce.metrics import cllr, eer, fit_calibration, wccn
from sottovoce.metrics.detection.trials import Trials, read_trials
from sottovoce.models.cosine_scoring import CosineScoring
from sottovoce.models.task_model import TaskModel
from sottovoce.tasks.scoring.embedding import embed_all
from sottovoce.tasks.scoring.speaker_scoring import Scoring, score, set_calibration
from sottovoce.tasks.task import EvaluationData
from sottovoce.tasks.verification import Verification
from tiny_models import HEAD, randomized, tiny_config

EVERYTHING = {
    "back_end": {"wccn": {"ridge": 0.5}},
    "as_norm": {"top": 3},
    "calibration": {"measures": ["magnitude", "cohort"]},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = write_corpus(tmp_path_factory.mktemp("corpus"))
    train, test = (list(read_cuts(folder / f"{name}.jsonl.gz")) for name in ("train", "test"))
    return train, EvaluationData(test, read_trials(folder / "trials.txt"))


def task_and_model(train, scoring):
    head = {"mhfa": {key: value for key, value in HEAD.items() if key != "kind"}}
    task = Verification(head=head, scoring=scoring, draws=5)
    torch.manual_seed(0)
    return task, randomized(TaskModel(task.config(tiny_config(), train))).eval()


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_scores_against_a_plain_computation(corpus):
    train, test = corpus
    task, model = task_and_model(train, EVERYTHING)
    task.calibrate(model, train)
    known, heard = (unit(embed_all(model, cuts).double().numpy()) for cuts in (train, test.cuts))
    names = [cut.supervisions[0].speaker for cut in train]
    mean = known.mean(0)
    known, heard = unit(known - mean), unit(heard - mean)
    matrix = wccn(known, names, ridge=0.5)
    known, heard = unit(known @ matrix), unit(heard @ matrix)
    cohort = unit(np.stack([known[np.array(names) == name].mean(0) for name in sorted(set(names))]))
    place = {cut.id: k for k, cut in enumerate(test.cuts)}
    expected, low = [], []
    for a, b in zip(test.trials.left, test.trials.right, strict=True):
        sides = [np.sort(cohort @ heard[place[name]])[-3:] for name in (a, b)]
        cosine = heard[place[a]] @ heard[place[b]]
        expected.append(np.mean([(cosine - side.mean()) / side.std() for side in sides]))
        low.append(min(side.mean() for side in sides))
    scored = task.scored(model, test.cuts, test.trials)
    np.testing.assert_allclose(scored.scores, expected, atol=1e-3)  # what is kept in the model is float32
    np.testing.assert_allclose(scored.measures["cohort low"], low, atol=1e-5)


def test_calibration_is_made_on_development_trials_and_travels_with_the_model(corpus, tmp_path):
    train, test = corpus
    task, model = task_and_model(train, EVERYTHING)
    task.calibrate(model, train)
    first = task.evaluate(model, test)
    assert "cllr" not in first and "not calibrated yet" in first["protocol"]
    task.set_threshold(model, first)
    model.save_pretrained(tmp_path / "model")
    model = TaskModel.from_pretrained(tmp_path / "model").eval()

    llrs = Verification().scores(model, test.cuts, test.trials)
    scored = task.scored(model, test.cuts, test.trials)
    refitted = fit_calibration(scored.scores, test.trials.targets, scored.measures)
    np.testing.assert_allclose(llrs, refitted.apply(scored.scores, scored.measures), atol=1e-4)
    again = task.evaluate(model, test)
    assert again["cllr"] == pytest.approx(cllr(llrs, test.trials.targets)) and "act_dcf" in again
    assert again["eer"] == eer(llrs, test.trials.targets) and again["rocch_eer"] <= again["eer"]
    assert "calibration" not in again and "Cllr" in task.summary(again)
    assert again["threshold"] == pytest.approx(model.scoring.threshold.item(), abs=1e-4)
    # What a person asks gives the same score.
    sources = {cut.id: cut.recording.sources[0].source for cut in test.cuts}
    verdict = verify(model, *(sources[side[5]] for side in (test.trials.left, test.trials.right)))
    assert verdict.calibrated and verdict.score == pytest.approx(llrs[5], abs=2e-3)

    task.calibrate(model, train)  # weights have changed: the calibration is forgotten
    assert not model.scoring.calibrated


def test_without_options_the_model_has_room_for_nothing_more(corpus):
    train, test = corpus
    task, model = task_and_model(train, {})
    task.calibrate(model, train)
    assert set(model.scoring.state_dict()) == {"mean", "threshold"}
    numbers = task.evaluate(model, test)
    assert numbers["protocol"].startswith("66 trials, cosine less mean, minDCF(p=0.01), 95 % interval over 4 speakers")
    json.dumps(numbers)


def test_lda_makes_fewer_dimensions(corpus):
    train, test = corpus
    task, model = task_and_model(train, {"back_end": {"lda": {"dimensions": 3}}})
    task.calibrate(model, train)
    assert model.scoring.centered(torch.randn(2, HEAD["size"])).shape == (2, 3)
    assert np.isfinite(task.scores(model, test.cuts, test.trials)).all()


def test_what_cannot_be_is_told(corpus):
    train, test = corpus
    with pytest.raises(DataError, match="top is 300, but there are 4 training speakers"):
        task_and_model(train, {"as_norm": {}})
    with pytest.raises(ValidationError, match="cohort needs as_norm"):
        Scoring.model_validate({"calibration": {"measures": ["cohort"]}})
    with pytest.raises(ValidationError, match="named twice"):
        Scoring.model_validate({"calibration": {"measures": ["duration", "duration"]}})
    task, model = task_and_model(train, {"calibration": {"measures": ["duration"]}})
    with pytest.raises(DataError, match="duration high is the same in all trials"):
        task.evaluate(model, test)
    other = Trials(["nobody"], [test.cuts[0].id], np.array([True]))
    with pytest.raises(DataError, match="'nobody'"):
        task.scored(model, test.cuts, other)
    bare = CosineScoring(HEAD["size"])
    with pytest.raises(DataError, match="has no back-end to fit"):
        Scoring.model_validate({"back_end": {"wccn": {}}}).fit(bare, torch.randn(4, HEAD["size"]), list("aabb"))
    with pytest.raises(DataError, match="has no calibration to set"):
        set_calibration(bare, {"slope": 1.0, "offset": 0.0, "measures": {}})


def test_an_embedding_of_which_nothing_is_left_has_no_score(corpus):
    train, _ = corpus
    _, model = task_and_model(train, {"back_end": {"wccn": {}}})
    vectors, sides = torch.eye(HEAD["size"])[:2], (np.array([0]), np.array([1]))
    model.scoring.map[:] = torch.eye(HEAD["size"])
    model.scoring.mean.copy_(vectors[1])
    with pytest.raises(DataError, match=r"b\.wav: nothing is left of its embedding"):
        score(model.scoring, vectors, [1.0, 1.0], *sides, names=["a.wav", "b.wav"])

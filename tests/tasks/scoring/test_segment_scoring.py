"""Scoring by segments and the detection cost, against loops over trials and segments."""

import json

import numpy as np
import pytest
import soundfile
import torch

from corpus import write_corpus
from sottovoce.data.audio.segments import Segments
from sottovoce.data.corpora.cuts import load_cut, read_cuts
from sottovoce.inference.verification import verify
from sottovoce.metrics.detection.trials import read_trials
from sottovoce.models.task_model import TaskModel
from sottovoce.tasks.scoring.cost_options import DetectionCost
from sottovoce.tasks.scoring.speaker_scoring import calibrated_scores, scored_by
from sottovoce.tasks.task import EvaluationData
from sottovoce.tasks.verification import Verification
from tiny_models import HEAD, randomized, tiny_config

SEGMENTS = {"count": 3, "seconds": 0.5}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = write_corpus(tmp_path_factory.mktemp("corpus"))
    train, test = (list(read_cuts(folder / f"{name}.jsonl.gz")) for name in ("train", "test"))
    return train, EvaluationData(test, read_trials(folder / "trials.txt"))


def task_and_model(train, **options):
    head = {"mhfa": {key: value for key, value in HEAD.items() if key != "kind"}}
    task = Verification(head=head, draws=5, **options)
    torch.manual_seed(0)
    model = randomized(TaskModel(task.config(tiny_config(), train))).eval()
    task.calibrate(model, train)
    return task, model


@torch.no_grad()
def voices(model, cuts):
    """Unit embeddings of the segments of each utterance, one segment at a time."""
    found = {}
    for cut in cuts:
        rows = [model(part[None]).output[0].double().numpy() for part in Segments(**SEGMENTS).of(load_cut(cut))]
        found[cut.id] = [row / np.linalg.norm(row) for row in rows]
    return found


def distance(a, b):
    return sum(np.sqrt(((x - y) ** 2).sum()) for x in a for y in b) / (len(a) * len(b))


def test_scores_are_the_mean_distance_of_all_pairs_of_segments(corpus):
    train, test = corpus
    task, model = task_and_model(train, scoring={"segments": SEGMENTS, "center": False})
    of = voices(model, test.cuts)
    expected = [-distance(of[a], of[b]) for a, b in zip(test.trials.left, test.trials.right, strict=True)]
    np.testing.assert_allclose(task.scores(model, test.cuts, test.trials), expected, atol=1e-4)
    assert "mean distance of 3 segments of 0.5 s, minDCF(p=0.01)" in task.evaluate(model, test)["protocol"]


def test_the_cohort_is_compared_by_the_same_distance(corpus):
    train, test = corpus
    options = {"segments": SEGMENTS, "center": False, "as_norm": {"top": 3}, "calibration": {"measures": ["magnitude"]}}
    task, model = task_and_model(train, scoring=options)
    of, cohort = voices(model, test.cuts), model.scoring.cohort.double().numpy()
    expected = []
    for a, b in zip(test.trials.left, test.trials.right, strict=True):
        sides = [np.sort([-distance(of[side], [c]) for c in cohort])[-3:] for side in (a, b)]
        expected.append(np.mean([(-distance(of[a], of[b]) - side.mean()) / side.std() for side in sides]))
    np.testing.assert_allclose(task.scored(model, test.cuts, test.trials).scores, expected, rtol=1e-2, atol=5e-3)


def test_verify_scores_as_the_model_does_or_as_it_is_told(corpus, tmp_path):
    train, test = corpus
    task, model = task_and_model(train, scoring={"segments": SEGMENTS})
    task.set_threshold(model, task.evaluate(model, test))
    model.save_pretrained(tmp_path / "model")
    model = TaskModel.from_pretrained(tmp_path / "model").eval()
    a, b = (side[7] for side in (test.trials.left, test.trials.right))
    files = {}
    for cut in test.cuts:
        if cut.id in (a, b):
            files[cut.id] = tmp_path / f"{len(files)}.wav"
            soundfile.write(files[cut.id], load_cut(cut).numpy(), 16_000, subtype="FLOAT")
    own = verify(model, files[a], files[b])
    assert own.score == pytest.approx(task.scores(model, test.cuts, test.trials)[7], abs=1e-4)
    assert own.same is not None
    whole = verify(model, files[a], files[b], segments=Segments(0, 0.5))
    assert whole.same is None and whole.score != own.score
    with torch.no_grad():
        vectors = [model(load_cut(cut)[None]).output for cut in test.cuts if cut.id in (a, b)]
        assert whole.score == pytest.approx(model.scoring(*vectors).item(), abs=1e-4)
    assert verify(model, files[a], files[b]) == own  # what was changed for one call is changed back


def test_the_means_are_left_alone_without_centering(corpus):
    train, _ = corpus
    assert not task_and_model(train, scoring={"center": False})[1].scoring.mean.any()
    assert task_and_model(train)[1].scoring.mean.any()


def test_calibration_does_not_count_for_another_way_of_scoring(corpus):
    train, test = corpus
    task, model = task_and_model(train, scoring={"calibration": {}})
    task.set_threshold(model, task.evaluate(model, test))
    assert "cllr" in task.evaluate(model, test)
    with scored_by(model.scoring, Segments(2, 0.5)):
        other = task.evaluate(model, test)
    assert "cllr" not in other and "calibration" not in other
    assert "cllr" in task.evaluate(model, test)


@pytest.mark.parametrize("cost", [{}, {"p_target": 0.05}, {"p_target": 0.3, "c_miss": 10.0, "c_fa": 2.0}])
def test_the_cost_is_the_smallest_over_all_thresholds_and_stands_in_the_results(corpus, cost):
    train, test = corpus
    task, model = task_and_model(train, cost=cost)
    numbers = task.evaluate(model, test)
    scores, targets = task.scores(model, test.cuts, test.trials), test.trials.targets
    p, miss, fa = (DetectionCost(**cost).model_dump()[name] for name in ("p_target", "c_miss", "c_fa"))
    costs = []
    for threshold in [*scores, np.inf]:
        costs.append(
            miss * p * (scores[targets] < threshold).mean() + fa * (1 - p) * (scores[~targets] >= threshold).mean()
        )
    assert numbers["min_dcf"] == pytest.approx(min(costs) / min(miss * p, fa * (1 - p)))
    assert json.loads(json.dumps(numbers))["detection_cost"] == {"p_target": p, "c_miss": miss, "c_fa": fa}
    name = f"minDCF(p={p:g})" if miss == fa == 1 else "minDCF(p=0.3, C_miss 10, C_fa 2)"
    assert f"{name} {numbers['min_dcf']:.3f}" in task.summary(numbers) and name in numbers["protocol"]


def test_the_cost_of_the_decisions_at_the_priors_that_were_chosen(corpus):
    train, test = corpus
    p, miss, fa = 0.3, 10.0, 2.0
    task, model = task_and_model(train, cost={"p_target": p, "c_miss": miss, "c_fa": fa}, scoring={"calibration": {}})
    task.set_threshold(model, task.evaluate(model, test))
    numbers = task.evaluate(model, test)
    llrs = calibrated_scores(model.scoring, task.scored(model, test.cuts, test.trials))
    same, accepted = test.trials.targets, llrs >= np.log(fa * (1 - p) / (miss * p))
    cost = miss * p * (~accepted[same]).mean() + fa * (1 - p) * accepted[~same].mean()
    assert numbers["act_dcf"] == pytest.approx(cost / min(miss * p, fa * (1 - p))) and cost > 0
    assert f"actDCF(p=0.3, C_miss 10, C_fa 2) {numbers['act_dcf']:.3f}" in task.summary(numbers)

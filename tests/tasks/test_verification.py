import numpy as np
import pytest
import torch

from corpus import write_corpus
from sottovoce.data.corpora.cuts import load_cut, read_cuts
from sottovoce.errors import DataError
from sottovoce.metrics.detection.equal_error_rate import eer
from sottovoce.metrics.detection.trials import Trials, read_trials
from sottovoce.tasks.objectives.speaker_loss import SpeakerLoss, SpeakerObjective
from sottovoce.tasks.scoring.embedding import embed_all
from sottovoce.tasks.task import EvaluationData
from sottovoce.tasks.verification import Verification, equal_error_threshold
from tiny_models import tiny_model


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = write_corpus(tmp_path_factory.mktemp("corpus"))
    return list(read_cuts(folder / "train.jsonl.gz")), list(read_cuts(folder / "test.jsonl.gz")), folder / "trials.txt"


def test_scores_are_those_of_each_utterance_alone(corpus):
    train, test, trials = corpus
    model, task, trials = tiny_model(), Verification(), read_trials(trials)
    task.calibrate(model, train)
    got = task.scores(model, test, trials)

    def alone(cut):
        with torch.no_grad():
            vector = model(load_cut(cut)[None]).output[0].double().numpy()
        return vector / np.linalg.norm(vector)

    mean = np.mean([alone(cut) for cut in train], axis=0)
    centered = {cut.id: alone(cut) - mean for cut in test}
    centered = {name: vector / np.linalg.norm(vector) for name, vector in centered.items()}
    expected = [centered[a] @ centered[b] for a, b in zip(trials.left, trials.right, strict=True)]
    assert np.abs(got - expected).max() < 1e-4


def test_the_mean_is_of_training_speech_only(corpus):
    train, test, trials = corpus
    model, task = tiny_model(), Verification(draws=10)
    task.calibrate(model, train)
    mean = model.scoring.mean.clone()
    task.evaluate(model, EvaluationData(test, read_trials(trials)))
    assert torch.equal(model.scoring.mean, mean)
    vectors = torch.nn.functional.normalize(embed_all(model, train), dim=-1)
    assert (mean - vectors.mean(0)).abs().max() < 1e-6


def test_evaluation_gives_error_rates_with_intervals_by_speaker(corpus):
    train, test, trials = corpus
    model, task, trials = tiny_model(), Verification(draws=50), read_trials(trials)
    task.calibrate(model, train)
    numbers = task.evaluate(model, EvaluationData(test, trials))
    assert numbers["eer"] == eer(task.scores(model, test, trials), trials.targets)
    assert numbers["eer_interval"]["speakers"] == 4
    assert numbers["eer_interval"]["low"] <= numbers["eer"] <= numbers["eer_interval"]["high"]
    assert 0 <= numbers["min_dcf"] <= 1 and numbers["targets"] == 12
    assert "EER" in task.summary(numbers)
    task.set_threshold(model, numbers)
    assert model.scoring.threshold.item() == pytest.approx(numbers["threshold"])


def test_trials_about_unknown_utterances_are_refused(corpus):
    _, test, _ = corpus
    trials = Trials(["nobody"], [test[0].id], np.array([True]))
    with pytest.raises(DataError, match="'nobody'"):
        Verification().scores(tiny_model(), test, trials)


def test_labels_are_speakers(corpus):
    train, _, _ = corpus
    assert Verification().labels(train) == ["s0", "s1", "s2", "s3"]
    with pytest.raises(DataError, match="at least 2"):
        Verification().labels(train[:2])


def test_the_margin_follows_the_steps():
    objective = SpeakerObjective(4, ["a", "b"], SpeakerLoss(margin=0.4, margin_ramp=10))
    seen = []
    for step in (0, 5, 10, 20):
        objective.begin(step)
        seen.append(round(objective.loss.margin, 3))
    assert seen == [0.0, 0.2, 0.4, 0.4]
    with pytest.raises(DataError, match="labels"):
        objective(torch.randn(2, 4), {"waveform": None})


def test_threshold_is_where_misses_equal_false_alarms():
    generator = np.random.default_rng(0)
    targets = generator.random(4000) < 0.3
    scores = generator.normal(size=4000) + 2 * targets
    threshold = equal_error_threshold(scores, targets)
    misses, alarms = (scores[targets] < threshold).mean(), (scores[~targets] >= threshold).mean()
    assert abs(misses - alarms) < 0.01
    assert abs(misses - eer(scores, targets)) < 0.01


def test_test_data_without_trials_are_told():
    task = Verification()
    for scored in (lambda: task.check(EvaluationData([])), lambda: task.evaluate(None, EvaluationData([]))):
        with pytest.raises(DataError, match="verification is scored on trials"):
            scored()

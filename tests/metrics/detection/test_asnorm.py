"""Adaptive s-norm against a loop over trials, what it is for, and what it refuses."""

import numpy as np
import pytest

from sottovoce.errors import DataError
from sottovoce.metrics import eer
from sottovoce.metrics.detection.asnorm import as_norm, cohort_means, cohort_statistics


def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


def test_it_equals_a_loop_over_trials():
    generator = np.random.default_rng(0)
    embeddings, spoken = generator.normal(size=(9, 6)), generator.normal(size=(40, 6))
    speakers = [f"s{k % 11}" for k in range(40)]
    left, right = generator.integers(9, size=25), generator.integers(9, size=25)
    scores = np.array([cosine(embeddings[a], embeddings[b]) for a, b in zip(left, right, strict=True)])

    cohort = []
    for name in sorted(set(speakers)):
        own = [e / np.sqrt(e @ e) for e, speaker in zip(spoken, speakers, strict=True) if speaker == name]
        cohort.append(sum(own) / len(own))
    expected = []
    for score, a, b in zip(scores, left, right, strict=True):
        sides = []
        for side in (a, b):
            nearest = sorted((cosine(embeddings[side], c) for c in cohort), reverse=True)[:5]
            mean = sum(nearest) / 5
            sides.append((score - mean) / np.sqrt(sum((x - mean) ** 2 for x in nearest) / 5))
        expected.append(sum(sides) / 2)

    statistics = cohort_statistics(embeddings, cohort_means(spoken, speakers), top=5)
    np.testing.assert_allclose(as_norm(scores, left, right, statistics), expected, rtol=1e-9)


def test_blocks_do_not_matter(monkeypatch):
    generator = np.random.default_rng(1)
    embeddings, cohort = generator.normal(size=(23, 4)), generator.normal(size=(12, 4))
    whole = cohort_statistics(embeddings, cohort, top=12)
    monkeypatch.setattr("sottovoce.metrics.detection.asnorm._BLOCK", 5)
    parts = cohort_statistics(embeddings, cohort, top=12)
    np.testing.assert_allclose([parts.mean, parts.std], [whole.mean, whole.std], rtol=1e-12)


def test_it_mends_scores_that_shift_from_speaker_to_speaker():
    generator = np.random.default_rng(2)

    def speech(speakers, each):
        """Half of the speakers sit in a crowded corner of the space: all their scores are higher."""
        corner = np.repeat(np.arange(speakers) % 2, each)[:, None] * 6.0 * np.eye(32)[0]
        voice = np.repeat(generator.normal(size=(speakers, 32)), each, axis=0)
        return voice + corner + 0.9 * generator.normal(size=(speakers * each, 32)), np.repeat(np.arange(speakers), each)

    trials, who = speech(30, 4)
    cohort, strangers = speech(100, 3)
    left, right = np.triu_indices(len(trials), 1)
    unit = trials / np.linalg.norm(trials, axis=1, keepdims=True)
    scores, targets = (unit[left] * unit[right]).sum(1), who[left] == who[right]
    statistics = cohort_statistics(trials, cohort_means(cohort, [str(s) for s in strangers]), top=40)
    assert eer(as_norm(scores, left, right, statistics), targets) < 0.7 * eer(scores, targets)


GOOD = np.eye(4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cohort_means(GOOD, ["a"]), "4 embeddings of the cohort, but 1 speakers"),
        (lambda: cohort_means([[0.0, 0.0]], ["a"]), "cohort: an embedding is zero, NaN or infinite"),
        (lambda: cohort_means([[1.0, 0.0], [-1.0, 0.0]], ["a", "a"]), "mean of a cohort speaker: an embedding is zero"),
        (lambda: cohort_means(np.zeros((0, 3)), []), r"not empty, got the shape \(0, 3\)"),
        (lambda: cohort_statistics([[np.nan, 1.0]], GOOD[:, :2] + 1, top=2), "trials: an embedding is zero, NaN"),
        (lambda: cohort_statistics(GOOD, GOOD), "top is 300, but the cohort has 4 speakers; give 2 to that many"),
        (lambda: cohort_statistics(GOOD, GOOD, top=1), "top is 1, but"),
        (lambda: cohort_statistics(GOOD, GOOD[:, :3] + 1, top=2), "4 wide, those of the cohort 3"),
        (lambda: cohort_statistics(GOOD, np.ones((3, 4)), top=2), "embedding 0 scores the same against its 2 nearest"),
        (lambda: as_norm([0.5], [0, 1], [1], cohort_statistics(GOOD, GOOD, top=2)), "rows of embeddings"),
        (lambda: as_norm([0.5], [4], [1], cohort_statistics(GOOD, GOOD, top=2)), "whole numbers from 0 to 3"),
        (lambda: as_norm([0.5], [0.0], [1], cohort_statistics(GOOD, GOOD, top=2)), "whole numbers from 0 to 3"),
        (lambda: as_norm([np.nan], [0], [1], cohort_statistics(GOOD, GOOD, top=2)), "finite numbers"),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()

"""Intervals by speaker: deterministic, wide enough for correlated trials, and honest about too few speakers."""

import numpy as np
import pytest

from sottovoce.errors import DataError
from sottovoce.metrics import bootstrap, bootstrap_difference, eer, min_dcf


def population(speakers, trials, generator):
    """Trials whose scores share an effect of each speaker: (scores, targets, left, right)."""
    effect = generator.normal(size=speakers)
    left = generator.integers(speakers, size=trials)
    right = np.where(generator.random(trials) < 0.5, left, generator.integers(speakers, size=trials))
    targets = left == right
    scores = 2.0 * targets + effect[left] + effect[right] + 0.3 * generator.normal(size=trials)
    return scores, targets, [f"s{i}" for i in left], [f"s{i}" for i in right]


def test_the_seed_decides():
    data = population(20, 600, np.random.default_rng(0))
    first, again, other = (bootstrap(eer, *data, draws=50, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert first.low <= first.value <= first.high
    assert first.speakers == 20 and first.draws == 50
    assert str(first) == f"{first.value:.4f} [{first.low:.4f}, {first.high:.4f}]"
    assert first.percent().startswith(f"{100 * first.value:.2f} % [")


def test_the_order_of_trials_and_the_names_do_not_matter():
    scores, targets, left, right = population(12, 300, np.random.default_rng(1))
    order = np.random.default_rng(2).permutation(len(scores))
    there = bootstrap(eer, scores, targets, left, right, draws=40)
    shuffled = bootstrap(
        eer, scores[order], targets[order], [left[i] for i in order], [right[i] for i in order], draws=40
    )
    assert there == shuffled


def test_it_covers_new_speakers_where_resampling_trials_would_not():
    generator = np.random.default_rng(3)
    truth = eer(*population(4000, 400_000, generator)[:2])
    covered = narrow = 0
    for seed in range(30):
        scores, targets, left, right = population(25, 1500, generator)
        interval = bootstrap(eer, scores, targets, left, right, draws=100, seed=seed)
        covered += interval.low <= truth <= interval.high
        draws = [generator.integers(len(scores), size=len(scores)) for _ in range(60)]
        low, high = np.quantile([eer(scores[d], targets[d]) for d in draws], [0.025, 0.975])
        narrow += low <= truth <= high
    assert covered >= 24  # of 30 at level 0.95
    assert narrow < 20  # the reason for resampling speakers


def test_weights_follow_the_speakers():
    seen = []

    def metric(scores, targets, weights):
        seen.append((targets, weights))
        return 0.0

    sides = ["a", "b", "c", "a", "a", "b"], ["a", "b", "c", "b", "c", "c"]
    bootstrap(metric, np.arange(6.0), [1, 1, 1, 0, 0, 0], *sides, draws=30)
    assert seen[0][1] is None
    for _, (a, b, c, ab, ac, bc) in seen[1:]:
        assert a + b + c == 3 and (ab, ac, bc) == (a * b, a * c, b * c)
        assert ab + ac + bc > 0  # a draw without non-targets is drawn again
    assert {tuple(sorted(weights[:3])) for _, weights in seen[1:]} == {(0, 1, 2), (1, 1, 1)}


def test_differences_are_paired():
    generator = np.random.default_rng(5)
    scores, targets, left, right = population(60, 3000, generator)
    worse = scores + 1.5 * generator.normal(size=len(scores))
    alone, other = (bootstrap(eer, s, targets, left, right, draws=100) for s in (scores, worse))
    paired = bootstrap_difference(eer, worse, scores, targets, left, right, draws=100)
    assert paired.value == pytest.approx(other.value - alone.value)
    assert alone.low < other.high and other.low < alone.high  # apart they look alike
    assert 0 < paired.low < paired.value < paired.high
    nothing = bootstrap_difference(eer, scores, 2 * scores + 1, targets, left, right, draws=20)
    assert (nothing.low, nothing.value, nothing.high) == (0, 0, 0)


def test_other_metrics_and_levels():
    data = population(20, 600, np.random.default_rng(0))
    wide, small = (bootstrap(min_dcf, *data, draws=60, level=level) for level in (0.95, 0.5))
    assert wide.low <= small.low <= small.high <= wide.high and wide.low < wide.high


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"left": ["a", "b"]}, "3 scores, but 2 and 3 speakers"),
        ({"left": ["a", "c", "a"]}, "trial 1 is target, but its speakers are c and b"),
        ({"right": ["a", "b", "a"]}, "trial 2 is non-target, but its speakers are a and a"),
        ({"targets": [1, 0, 0], "left": ["a", "c", "a"]}, "fewer than two speakers"),
        ({"draws": 0}, "draws must be positive"),
        ({"level": 1.0}, "level inside"),
    ],
)
def test_what_cannot_be_resampled_is_refused(change, message):
    arguments = {"scores": [0.0, 1.0, 2.0], "targets": [1, 1, 0], "left": ["a", "b", "a"], "right": ["a", "b", "b"]}
    with pytest.raises(DataError, match=message):
        bootstrap(eer, **(arguments | change))

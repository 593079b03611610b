"""EER, minDCF and Cllr against published values, exhaustive search and linear programming."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.optimize import linprog

from sottovoce.errors import DataError
from sottovoce.metrics import cllr, convex_hull, eer, min_cllr, min_dcf, operating_points, rocch_eer

METRICS = [eer, rocch_eer, min_dcf, cllr, min_cllr]


@st.composite
def scored_trials(draw):
    """A few trials of both kinds, with many equal scores."""
    targets = draw(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
    others = draw(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
    scores = np.array(targets + others) / 2
    return scores, np.array([1] * len(targets) + [0] * len(others))


def rates_by_counting(scores, targets):
    """(miss, false alarm) of every threshold, by comparing every score with it."""
    scores, targets = np.asarray(scores), np.asarray(targets)
    thresholds = [*sorted(set(scores.tolist())), np.inf]
    return np.array(
        [
            (np.mean([s < t for s in scores[targets == 1]]), np.mean([s >= t for s in scores[targets == 0]]))
            for t in thresholds
        ]
    )


def test_known_answers_of_bosaris_and_bob(known_scores):
    scores, targets, expected = known_scores
    assert rocch_eer(scores, targets) == pytest.approx(expected["rocch_eer"], abs=1e-12)
    assert eer(scores, targets) == pytest.approx(0.11667, abs=5e-6)
    assert cllr(scores, targets) == pytest.approx(expected["cllr"], abs=5e-6)
    hull = convex_hull(scores, targets)
    np.testing.assert_allclose(hull.false_alarm, expected["rocch"][0], atol=1e-12)
    np.testing.assert_allclose(hull.miss, expected["rocch"][1], atol=1e-12)
    points = operating_points(scores, targets)
    area = trapezoid(1 - points.miss[::-1], points.false_alarm[::-1])
    assert area == pytest.approx(expected["auc"], abs=1e-12)
    # The published minimum was computed with targets ranked above non-targets of the same score.
    assert min_cllr(scores + 1e-9 * targets, targets) == pytest.approx(expected["min_cllr"], abs=5e-6)
    assert min_cllr(scores, targets) > expected["min_cllr"]


@given(scored_trials())
def test_operating_points_are_those_of_every_threshold(trials):
    scores, targets = trials
    points = operating_points(scores, targets)
    np.testing.assert_allclose(
        np.stack([points.miss, points.false_alarm], 1), rates_by_counting(scores, targets), atol=1e-12
    )
    area = trapezoid(1 - points.miss[::-1], points.false_alarm[::-1])
    won = [(t > o) + (t == o) / 2 for t in scores[targets == 1] for o in scores[targets == 0]]
    assert area == pytest.approx(np.mean(won))


@given(scored_trials())
def test_eer_lies_on_the_line_that_crosses(trials):
    scores, targets = trials
    rates = rates_by_counting(scores, targets)
    # Walk along every segment in small steps: the equal point is where the larger of the two rates is smallest.
    walk = np.concatenate([np.linspace(a, b, 2001) for a, b in zip(rates[:-1], rates[1:], strict=True)])
    assert eer(scores, targets) == pytest.approx(walk.max(axis=1).min(), abs=1e-3)


@given(scored_trials())
@settings(max_examples=50)
def test_rocch_eer_is_the_best_mixture_of_thresholds(trials):
    scores, targets = trials
    rates = rates_by_counting(scores, targets)
    n = len(rates)
    best = linprog(
        rates[:, 0], A_eq=np.stack([np.ones(n), rates[:, 0] - rates[:, 1]]), b_eq=[1, 0], bounds=[(0, 1)] * n
    )
    assert rocch_eer(scores, targets) == pytest.approx(best.fun, abs=1e-9)
    assert rocch_eer(scores, targets) <= eer(scores, targets) + 1e-12


@given(scored_trials(), st.floats(0.01, 0.99), st.floats(0.5, 10), st.floats(0.5, 10))
def test_min_dcf_is_the_smallest_cost(trials, p_target, c_miss, c_fa):
    scores, targets = trials
    costs = [c_miss * p_target * m + c_fa * (1 - p_target) * f for m, f in rates_by_counting(scores, targets)]
    expected = min(costs) / min(c_miss * p_target, c_fa * (1 - p_target))
    got = min_dcf(scores, targets, p_target=p_target, c_miss=c_miss, c_fa=c_fa)
    assert got == pytest.approx(expected)
    assert 0 <= got <= 1 + 1e-12


@given(scored_trials())
def test_min_cllr_is_a_lower_bound_and_ignores_the_scale(trials):
    scores, targets = trials
    least = min_cllr(scores, targets)
    assert 0 <= least <= min(1, cllr(scores, targets)) + 1e-12
    assert min_cllr(np.exp(scores), targets) == pytest.approx(least)


@pytest.mark.parametrize("metric", METRICS)
@given(trials=scored_trials(), seed=st.integers(0, 1000))
@settings(max_examples=30)
def test_a_weight_is_a_repeated_trial(metric, trials, seed):
    scores, targets = trials
    weights = np.random.default_rng(seed).integers(0, 4, len(scores))
    weights[[0, -1]] = 1  # the first is a target, the last is not
    repeated = np.repeat(np.arange(len(scores)), weights)
    assert metric(scores, targets, weights) == pytest.approx(metric(scores[repeated], targets[repeated]))


def test_perfect_useless_and_reversed_scores():
    targets = [0, 0, 1, 1]
    assert [m([1, 2, 3, 4], targets) for m in (eer, rocch_eer, min_dcf, min_cllr)] == [0, 0, 0, 0]
    assert [m([5, 5, 5, 5], targets) for m in (eer, rocch_eer, min_dcf, min_cllr)] == pytest.approx([0.5, 0.5, 1, 1])
    assert eer([4, 3, 2, 1], targets) == pytest.approx(1)
    assert rocch_eer([4, 3, 2, 1], targets) == pytest.approx(0.5)
    assert cllr([0, 0, 0, 0], targets) == pytest.approx(1)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("scores", "targets", "weights", "message"),
    [
        ([1.0, np.nan, 2.0], [0, 1, 1], None, r"1 of 3 are NaN or infinite \(the first is trial 1\)"),
        ([1.0, np.inf], [0, 1], None, "NaN or infinite"),
        ([1.0, 2.0], [1, 1], None, "no non-target trials among 2"),
        ([1.0, 2.0], [0, 0], None, "no target trials among 2"),
        ([1.0, 2.0, 3.0], [0, 1, 1], [1, 0, 0], "no target trials among 1"),
        ([], [], None, "no target trials among 0"),
        ([1.0, 2.0], [0, 1, 1], None, "their shapes are"),
        ([1.0, 2.0], [0, 2], None, r"labels must be 0 or 1, got \[2\]"),
        ([1.0, 2.0], [0, 1], [1, -1], "not negative"),
    ],
)
def test_unusable_scores_are_refused(metric, scores, targets, weights, message):
    with pytest.raises(DataError, match=message):
        metric(scores, targets, weights)


def test_unusable_costs_are_refused():
    with pytest.raises(DataError, match="p_target must lie between 0 and 1, got 1.5"):
        min_dcf([1.0, 2.0], [0, 1], p_target=1.5)
    with pytest.raises(DataError, match="costs must be positive"):
        min_dcf([1.0, 2.0], [0, 1], c_fa=0)

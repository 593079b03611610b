"""The DET curve, and the cost at the threshold that calibration prescribes."""

import numpy as np
import pytest
from scipy.stats import norm

from sottovoce.errors import DataError
from sottovoce.metrics import act_dcf, det, min_dcf, operating_points
from sottovoce.metrics.detection.error_tradeoff import probit


def normal_scores(count=20_000, seed=0):
    generator = np.random.default_rng(seed)
    targets = generator.random(count) < 0.5
    return generator.normal(size=count) + 2 * targets, targets


def test_normal_scores_make_a_straight_line():
    curve = det(*normal_scores())
    x, y = (probit(rates, 1e-4) for rates in (curve.false_alarm, curve.miss))
    inner = (np.abs(x) < 2) & (np.abs(y) < 2)
    np.testing.assert_allclose(y[inner], -2 - x[inner] + 0 * y[inner], atol=0.12)
    np.testing.assert_allclose(probit([0.0, 0.5, 1.0], 0.01), norm.ppf([0.01, 0.5, 0.99]))


def test_few_points_of_a_long_curve_that_lie_on_it():
    scores, targets = normal_scores()
    curve, all_points = det(scores, targets, max_points=50), operating_points(scores, targets)
    assert 25 < len(curve.miss) <= 50
    known = set(zip(all_points.miss, all_points.false_alarm, strict=True))
    assert set(zip(curve.miss, curve.false_alarm, strict=True)) <= known
    assert (curve.miss[0], curve.false_alarm[0]) == (0.0, 1.0) and (curve.miss[-1], curve.false_alarm[-1]) == (1.0, 0.0)
    short = det([1.0, 2.0, 3.0], [0, 1, 1])
    assert short.miss.tolist() == [0, 0, 0.5, 1] and short.false_alarm.tolist() == [1, 0, 0, 0]


def test_actual_cost_by_hand():
    # At log(0.99 / 0.01) = 4.595 one target of two is missed, one of four others let through; at 0 three of four are.
    llrs, targets = [5.0, 4.0, 4.6, 0.0, -1.0, 4.5], [1, 1, 0, 0, 0, 0]
    assert act_dcf(llrs, targets) == pytest.approx((0.01 * 0.5 + 0.99 * 0.25) / 0.01)
    assert act_dcf(llrs, targets, p_target=0.5) == pytest.approx(0.75)
    assert act_dcf(llrs, targets, [1, 0, 0, 1, 1, 1]) == 0.0


def test_calibrated_scores_reach_the_least_cost():
    scores, targets = normal_scores()
    llrs = norm.logpdf(scores, 2) - norm.logpdf(scores, 0)
    least = min_dcf(llrs, targets, p_target=0.1)
    assert least <= act_dcf(llrs, targets, p_target=0.1) < least + 0.02
    assert act_dcf(llrs - 3, targets, p_target=0.1) > least + 0.05
    with pytest.raises(DataError, match="p_target"):
        act_dcf(llrs, targets, p_target=1.0)

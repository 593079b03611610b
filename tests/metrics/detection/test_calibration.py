"""Calibration: known ratios come back, Cllr comes down to its minimum, quality measures help, files read back."""

import numpy as np
import pytest
from scipy.optimize import minimize

from sottovoce.errors import DataError
from sottovoce.metrics import cllr, min_cllr
from sottovoce.metrics.detection.calibration import Calibration, fit_calibration


def gaussians(count, generator, scale=1.0, shift=0.0):
    """Scores of two normal classes at +1 and -1, whose true ratio is 2 x, stretched and shifted."""
    targets = np.arange(count) % 4 == 0
    x = np.where(targets, 1.0, -1.0) + generator.normal(size=count)
    return scale * x + shift, targets, 2 * x


def test_known_ratios_of_gaussians_come_back():
    generator = np.random.default_rng(0)
    scores, targets, _ = gaussians(40_000, generator, scale=0.05, shift=3.0)
    calibration = fit_calibration(scores, targets)
    fresh, kinds, truth = gaussians(20_000, generator, scale=0.05, shift=3.0)
    llrs = calibration.apply(fresh)
    assert calibration.slope == pytest.approx(2 / 0.05, rel=0.03)
    assert np.abs(llrs - truth).max() < 0.35 and np.abs(llrs - truth).mean() < 0.06
    assert cllr(fresh, kinds) > 1
    assert min_cllr(fresh, kinds) < cllr(llrs, kinds) < min_cllr(fresh, kinds) + 0.01
    # Ratios do not depend on the share of targets nor, where the model holds, on the prior of the fit.
    rare = fit_calibration(scores, targets, prior=0.05)
    np.testing.assert_allclose(rare.apply(fresh), llrs, atol=0.8)
    assert rare.slope == pytest.approx(calibration.slope, rel=0.05)


@pytest.mark.parametrize("prior", [0.5, 0.05, 0.95])
def test_the_fit_is_the_minimum_that_a_plain_search_finds(prior):
    generator = np.random.default_rng(1)
    scores, targets, _ = gaussians(300, generator)
    scores = scores + 0.4 * scores**2  # no model holds exactly
    odds = np.log(prior / (1 - prior))

    def loss(theta):
        llr = theta[0] * scores + theta[1]
        return (
            prior * np.log1p(np.exp(-llr[targets] - odds)).mean()
            + (1 - prior) * np.log1p(np.exp(llr[~targets] + odds)).mean()
        )

    best = minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-14, "maxiter": 5000})
    found = fit_calibration(scores, targets, prior=prior)
    np.testing.assert_allclose([found.slope, found.offset], best.x, atol=2e-4)


def test_weights_are_repeated_trials():
    scores, targets, _ = gaussians(60, np.random.default_rng(2))
    weights = np.random.default_rng(3).integers(0, 3, 60)
    repeated = np.repeat(np.arange(60), weights)
    one, other = fit_calibration(scores, targets, weights=weights), fit_calibration(scores[repeated], targets[repeated])
    assert (one.slope, one.offset) == pytest.approx((other.slope, other.offset), rel=1e-6)


def test_quality_measures_help_where_they_say_something():
    generator = np.random.default_rng(4)

    def trials(count):
        scores, targets, _ = gaussians(count, generator)
        quality, nothing = generator.normal(size=count), generator.normal(size=count)
        return scores + quality, targets, {"log_duration": quality, "nothing": nothing}

    scores, targets, measures = trials(6000)
    alone, both = fit_calibration(scores, targets), fit_calibration(scores, targets, measures)
    assert both.measures["log_duration"] == pytest.approx(-both.slope, rel=0.1)  # takes the shift away again
    assert abs(both.measures["nothing"]) < 0.15
    fresh, kinds, others = trials(6000)
    assert cllr(both.apply(fresh, others), kinds) < cllr(alone.apply(fresh), kinds) - 0.05
    # the order in which measures are given does not matter
    np.testing.assert_array_equal(both.apply(fresh, dict(reversed(others.items()))), both.apply(fresh, others))


def test_scale_and_shift_of_the_scores_do_not_matter():
    scores, targets, _ = gaussians(500, np.random.default_rng(5))
    llrs = fit_calibration(scores, targets).apply(scores)
    moved = 1e-4 * scores - 700
    np.testing.assert_allclose(fit_calibration(moved, targets).apply(moved), llrs, atol=1e-5)


def test_separable_scores_stay_finite_and_reversed_ones_are_told(caplog):
    calibration = fit_calibration([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1])
    assert np.isfinite(calibration.apply([0.0, 5.0])).all() and calibration.slope > 0
    assert not caplog.records
    assert fit_calibration([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 1]).slope < 0
    assert "are the scores reversed?" in caplog.text


def test_saving_and_reading_back(tmp_path):
    scores, targets, _ = gaussians(200, np.random.default_rng(6))
    for measures in (None, {"dur": np.arange(200.0)}):
        calibration = fit_calibration(scores, targets, measures, prior=0.3)
        again = Calibration.load(calibration.save(tmp_path / "new" / "calibration.json"))
        assert again == calibration
        np.testing.assert_array_equal(again.apply(scores, measures), calibration.apply(scores, measures))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a saved calibration"),
        ("[]", "not a saved calibration"),
        ('{"slope": 1, "offset": 0, "measures": {}}', "KeyError: 'prior'"),
        ('{"slope": 1, "offset": NaN, "measures": {}, "prior": 0.5}', "all finite"),
        ('{"slope": 1, "offset": 0, "measures": {}, "prior": 0.5, "x": 1}', "it holds slope, offset"),
    ],
)
def test_wrong_files_are_refused(tmp_path, text, message):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(DataError, match=message):
        Calibration.load(tmp_path / "c.json")
    with pytest.raises(DataError, match="none.json: cannot be read"):
        Calibration.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": [0.0, np.nan, 1.0, 2.0]}, "1 of 4 are NaN or infinite"),
        ({"targets": [1, 1, 1, 1]}, "no non-target trials among 4"),
        ({"scores": [], "targets": []}, "no target trials among 0"),
        ({"scores": [1.0] * 4}, "the score is the same in all trials"),
        ({"measures": {"dur": [1.0] * 4}}, "the dur is the same in all trials"),
        ({"measures": {"dur": [1.0, 2.0]}}, r"dur has the shape \(2,\), the scores have \(4,\)"),
        ({"measures": {"dur": [1.0, 2.0, np.inf, 3.0]}}, "1 values of dur are NaN or infinite"),
        ({"prior": 1.0}, "prior must lie between 0 and 1"),
        ({"ridge": -1.0}, "ridge not below 0"),
    ],
)
def test_unusable_input_is_refused(change, message):
    arguments = {"scores": [0.0, 1.5, 1.0, 2.0], "targets": [0, 0, 1, 1]}
    with pytest.raises(DataError, match=message):
        fit_calibration(**(arguments | change))


def test_measures_must_be_those_of_the_fit():
    calibration = Calibration(1.0, 0.0, {"dur": 0.5}, 0.5)
    with pytest.raises(DataError, match=r"fitted with the measures \['dur'\], got \[\]"):
        calibration.apply([1.0])
    with pytest.raises(DataError, match="got .*'other'"):
        calibration.apply([1.0], {"dur": [1.0], "other": [1.0]})

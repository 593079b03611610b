"""ASVspoof's numbers by hand, by trying every threshold, and as its scripts count them on real scores."""

import csv
import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.errors import DataError
from sottovoce.metrics import eer
from sottovoce.metrics.detection.spoofing import (
    THRESHOLD,
    breakdown,
    nearest_eer,
    spoof_act_dcf,
    spoof_min_dcf,
)
from sottovoce.metrics.detection.tandem import AsvErrors, Costs, a_dcf, asv_errors, min_t_dcf

TRACK_1 = [nearest_eer, spoof_min_dcf, spoof_act_dcf]


@pytest.fixture(scope="session")
def real(data):
    """(recognizer's scores, countermeasure's scores, kinds) of the development trials of ASVspoof 5, ties and all."""
    with gzip.open(data / "refs/eer/asvspoof5_dev_scores_label.csv.gz", "rt") as file:
        rows = [
            (float(r["asv_score"]), float(r["cm_score"]), int(float(r["sasv_label"]))) for r in csv.DictReader(file)
        ]
    asv, cm, codes = map(np.array, zip(*rows, strict=True))
    return asv, cm, np.array(["spoof", "target", "nontarget"])[codes]


@st.composite
def scored(draw, kinds=2):
    """A few trials of each kind, with equal scores among them."""
    drawn = [draw(st.lists(st.integers(-6, 6), min_size=1, max_size=7)) for _ in range(kinds)]
    scores = np.concatenate(drawn) / 2
    return scores, np.repeat(np.arange(kinds), [len(part) for part in drawn])


def every_threshold(scores, *classes):
    """Share of each class that is accepted at every threshold, by comparing every score with it."""
    return [
        [np.mean([s >= t for s in scores[chosen]]) for chosen in classes]
        for t in [*sorted(set(scores.tolist())), np.inf]
    ]


def test_a_case_by_hand():
    bonafide, scores = [1, 1, 1, 1, 0, 0, 0, 0, 0], [3, 2, 1, -1, 0, -2, -3, -4, -5]
    # thresholds up to 0: miss 1/4, false alarm 1/5; above 0: 1/4 and 0; up to -1: 0 and 1/5
    assert nearest_eer(scores, bonafide) == pytest.approx((1 / 4 + 1 / 5) / 2)
    assert spoof_min_dcf(scores, bonafide) == pytest.approx(10 * 0.05 * (1 / 5) / 0.5)
    assert spoof_act_dcf(scores, bonafide) == pytest.approx((0.95 * (1 / 4) + 10 * 0.05 * (1 / 5)) / 0.5)
    assert pytest.approx(-0.642, abs=5e-4) == THRESHOLD
    assert spoof_act_dcf([THRESHOLD, THRESHOLD - 1e-9], [1, 0]) == 0  # the threshold itself is accepted
    assert spoof_act_dcf([5, THRESHOLD], [1, 0]) == 1


def test_the_first_of_two_equally_close_points_counts():
    scores, bonafide = [1, 2, 3], [1, 0, 1]  # accept from 2: miss 1/2, false alarm 1; from 3: miss 1/2, false alarm 0
    assert nearest_eer(scores, bonafide) == 0.75 != eer(scores, bonafide)


@given(scored())
def test_track_1_is_what_every_threshold_says(trials):
    scores, codes = trials
    bonafide = codes == 0
    points = [(1 - accepted, false) for accepted, false in every_threshold(scores, bonafide, ~bonafide)]
    assert spoof_min_dcf(scores, bonafide) == pytest.approx(min(0.95 * m + 0.5 * f for m, f in points) / 0.5)
    gap = min(abs(m - f) for m, f in points)
    m, f = next((m, f) for m, f in points if abs(m - f) < gap + 1e-12)
    assert nearest_eer(scores, bonafide) == pytest.approx((m + f) / 2)
    wrong = [np.mean(scores[bonafide] < -0.6419), np.mean(scores[~bonafide] >= -0.6419)]
    assert spoof_act_dcf(scores, bonafide) == pytest.approx((0.95 * wrong[0] + 0.5 * wrong[1]) / 0.5)
    assert spoof_act_dcf(scores, bonafide) >= spoof_min_dcf(scores, bonafide) - 1e-12


@pytest.mark.parametrize("metric", TRACK_1)
@given(trials=scored(), seed=st.integers(0, 1000))
@settings(max_examples=30)
def test_a_weight_is_a_repeated_trial(metric, trials, seed):
    scores, codes = trials
    weights = np.random.default_rng(seed).integers(0, 4, len(scores))
    weights[[0, -1]] = 1  # the first is bona fide, the last is not
    repeated = np.repeat(np.arange(len(scores)), weights)
    assert metric(scores, codes == 0, weights) == pytest.approx(metric(scores[repeated], codes[repeated] == 0))


@given(scored(kinds=3))
def test_a_dcf_is_the_smallest_cost(trials):
    scores, codes = trials
    costs = [
        0.9405 * (1 - target) + 10 * 0.0095 * nontarget + 10 * 0.05 * spoof
        for target, nontarget, spoof in every_threshold(scores, *(codes == k for k in range(3)))
    ]
    kinds = np.array(["target", "nontarget", "spoof"])[codes]
    assert a_dcf(scores, kinds) == pytest.approx(min(costs) / 0.595)
    dear = Costs(0.5, 0.25, 0.25, c_miss=2, c_nontarget=1, c_spoof=4)
    other = [
        (1 - t) + 0.25 * n + s for t, n, s in every_threshold(scores, *(codes == k for k in range(3)))
    ]  # 2 x 0.5, 1 x 0.25, 4 x 0.25
    assert a_dcf(scores, kinds, dear) == pytest.approx(min(other) / 1)


ASV = AsvErrors(miss=0.1, false_alarm=0.2, spoof_accepted=0.5)


def test_both_forms_of_the_t_dcf_by_hand():
    bonafide, scores = [1, 1, 1, 1, 0, 0, 0, 0, 0], [3, 2, 1, -1, 0, -2, -3, -4, -5]
    c0 = 0.9405 * 0.1 + 0.0095 * 10 * 0.2
    c1, c2 = 0.9405 - c0, 0.05 * 10 * 0.5
    least = min(c1 / 4, c2 / 5)
    assert min_t_dcf(scores, bonafide, ASV, form="2019") == pytest.approx(least / c2)
    assert min_t_dcf(scores, bonafide, ASV, form="2021") == pytest.approx((c0 + least) / (c0 + c2))
    perfect, useless = ([1, 1, 0], [2, 3, 1]), ([1, 1, 0], [5, 5, 5])
    assert min_t_dcf(*perfect[::-1], ASV, form="2019") == 0
    assert min_t_dcf(*perfect[::-1], ASV, form="2021") == pytest.approx(c0 / (c0 + c2))
    assert [min_t_dcf(*useless[::-1], ASV, form=form) for form in ("2019", "2021")] == [1, 1]


def test_the_recognizers_threshold_is_one_trial_off_as_in_the_challenges():
    scores = [5, 4, 3, 1, 4.5, 2, 1.5, 0, 6, -1]
    kinds = ["target"] * 4 + ["nontarget"] * 4 + ["spoof"] * 2
    # Closest: accept from 3 on (miss 1/4, false alarm 1/4); 2 is the last score rejected, and then counts as accepted.
    assert asv_errors(scores, kinds) == AsvErrors(miss=0.25, false_alarm=0.5, spoof_accepted=0.5)


def test_real_scores_as_the_challenges_scripts_count_them(real):
    """The scripts sort all trials and walk over them one by one."""
    asv, cm, kinds = real
    bonafide = kinds != "spoof"

    def walk(scores, *classes):
        order = np.argsort(scores, kind="mergesort")
        return [np.concatenate([[0], np.cumsum(chosen[order]) / chosen.sum()]) for chosen in classes], scores[order]

    (miss, rejected), _ = walk(
        np.r_[cm[bonafide], cm[~bonafide]], *(np.sort(bonafide)[::-1] == k for k in (True, False))
    )
    false_alarm = 1 - rejected
    close = np.argmin(np.abs(miss - false_alarm))
    assert nearest_eer(cm, bonafide) == pytest.approx((miss[close] + false_alarm[close]) / 2, abs=1e-12)
    assert nearest_eer(cm, bonafide) == pytest.approx(0.00619731789960915, abs=1e-12)
    assert spoof_min_dcf(cm, bonafide) == pytest.approx(min(0.95 * miss + 0.5 * false_alarm) / 0.5, abs=1e-12)

    own = bonafide.nonzero()[0]
    (missed, turned), ordered = walk(asv[own], kinds[own] == "target", kinds[own] == "nontarget")
    place = np.argmin(np.abs(missed - (1 - turned)))
    accepted = asv >= ordered[place - 1]
    errors = asv_errors(asv, kinds)
    assert errors.miss == pytest.approx(1 - accepted[kinds == "target"].mean(), abs=1e-12)
    assert errors.false_alarm == pytest.approx(accepted[kinds == "nontarget"].mean(), abs=1e-12)
    assert errors.spoof_accepted == pytest.approx(accepted[kinds == "spoof"].mean(), abs=1e-12)
    assert min_t_dcf(cm, bonafide, errors, form="2021") == pytest.approx(0.10865024864318812, abs=1e-12)
    assert min_t_dcf(cm, bonafide, errors, form="2019") == pytest.approx(0.02815024927153577, abs=1e-12)

    for scores in (asv, asv + 0.01 * cm):
        (t, n, s), _ = walk(scores, *(kinds == kind for kind in ("target", "nontarget", "spoof")))
        assert a_dcf(scores, kinds) == pytest.approx(
            min(0.9405 * t + 0.095 * (1 - n) + 0.5 * (1 - s)) / 0.595, abs=1e-12
        )


def test_breakdown_by_attack_and_codec():
    generator = np.random.default_rng(0)
    bonafide = np.arange(400) % 2 == 0
    attacks = [f"A{k % 3}" for k in range(400)]
    codecs = np.where(np.arange(400) < 200, "none", "opus").tolist()
    attacks = ["A0" if a == "A2" and c == "opus" else a for a, c in zip(attacks, codecs, strict=True)]
    scores = generator.normal(size=400) + 2 * bonafide
    found = breakdown(nearest_eer, scores, bonafide, attacks=attacks, codecs=codecs)
    a, c = np.array(attacks), np.array(codecs)
    assert found.pooled == nearest_eer(scores, bonafide)
    assert list(found.attacks) == ["A0", "A1", "A2"] and list(found.codecs) == ["none", "opus"]
    for name, value in found.attacks.items():
        chosen = bonafide | (a == name)
        assert value == nearest_eer(scores[chosen], bonafide[chosen])
    for name, value in found.codecs.items():
        assert value == nearest_eer(scores[c == name], bonafide[c == name])
    assert set(found.cells) == {(x, y) for x in found.attacks for y in found.codecs} - {("A2", "opus")}
    chosen = (c == "opus") & (bonafide | (a == "A1"))
    assert found.cells["A1", "opus"] == nearest_eer(scores[chosen], bonafide[chosen])
    lines = str(found).splitlines()
    assert lines[0].split() == ["none", "opus", "pooled"] and lines[3].split()[:3:2] == ["A2", "-"]
    assert lines[-1].split() == ["pooled", *(f"{v:.4f}" for v in found.codecs.values()), f"{found.pooled:.4f}"]
    assert breakdown(nearest_eer, scores, bonafide).attacks == {}
    with pytest.raises(DataError, match="400 scores, but 2 codecs"):
        breakdown(nearest_eer, scores, bonafide, codecs=["none", "opus"])
    with pytest.raises(DataError, match="codec opus has no spoofed recordings among 100"):
        kept = bonafide | (c == "none")
        breakdown(nearest_eer, scores[kept], bonafide[kept], codecs=c[kept].tolist())


@pytest.mark.parametrize("metric", [*TRACK_1, lambda s, b: min_t_dcf(s, b, ASV, form="2021")])
@pytest.mark.parametrize(
    ("scores", "bonafide", "message"),
    [
        ([1.0, np.nan], [0, 1], "1 of 2 are NaN or infinite"),
        ([1.0, 2.0], [1, 1], "no non-target trials among 2"),
        ([], [], "no target trials among 0"),
        ([1.0, 2.0], [0, 2], r"labels must be 0 or 1, got \[2\]"),
    ],
)
def test_unusable_scores_are_refused(metric, scores, bonafide, message):
    with pytest.raises(DataError, match=message):
        metric(scores, bonafide)


@pytest.mark.parametrize("metric", [a_dcf, asv_errors])
@pytest.mark.parametrize(
    ("scores", "kinds", "message"),
    [
        ([1.0, 2.0, np.inf], ["target", "nontarget", "spoof"], "1 of 3 scores are NaN or infinite"),
        ([1.0, 2.0], ["target", "bonafide"], "kinds of trials are target, nontarget, spoof; got bonafide"),
        ([1.0, 2.0], ["target", "target"], "no nontarget and no spoof trials among 2"),
        ([1.0], ["target", "spoof"], "one score and one kind a trial"),
        ([], [], "no target and no nontarget and no spoof trials among 0"),
    ],
)
def test_unusable_tandem_trials_are_refused(metric, scores, kinds, message):
    with pytest.raises(DataError, match=message):
        metric(scores, kinds)


def test_unusable_costs_and_recognizers_are_refused():
    with pytest.raises(DataError, match="priors must be positive and sum to 1"):
        Costs(p_spoof=0.1)
    with pytest.raises(DataError, match="costs must be positive"):
        Costs(c_miss=0)
    with pytest.raises(DataError, match="fractions from 0 to 1"):
        AsvErrors(miss=10.0, false_alarm=0.1, spoof_accepted=0.5)
    with pytest.raises(DataError, match="has no weight before this recognizer"):
        min_t_dcf([1, 2], [0, 1], AsvErrors(0.1, 0.1, 0.0), form="2021")
    with pytest.raises(DataError, match="form must be '2019'"):
        min_t_dcf([1, 2], [0, 1], ASV, form="2020")

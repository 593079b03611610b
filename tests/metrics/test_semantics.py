"""Scores of meanings against counting by hand; what is not predicted is wrong."""

import numpy as np
import pytest

from sottovoce.errors import DataError
from sottovoce.metrics.semantics import Semantics, SemanticScore

A = Semantics({"scenario": "alarm", "action": "set"}, (("time", "five"), ("date", "today")))
B = Semantics({"scenario": "alarm", "action": "remove"}, ())
C = Semantics({"scenario": "music", "action": "set"}, (("song", "five"),))


def test_shares_by_hand():
    found = {"1": Semantics(A.intents, A.slots[::-1]), "2": B, "3": Semantics(C.intents, (("song", "six"),)), "4": A}
    score = SemanticScore({"1": A, "2": B, "3": C, "4": C}, found)
    assert score.intent_accuracy().value == 3 / 4
    assert score.intent_accuracy(["action"]).value == 1.0
    assert score.intent_accuracy(["scenario"]).value == 3 / 4
    assert score.exact_match().value == 2 / 4  # the order of slots is no matter
    # 2 hits (utterance 1); missed: song five twice; false: song six, time five, date today.
    assert score.slot_f1().value == pytest.approx(2 * 2 / (2 * 2 + 2 + 3))
    # Of time: 1, 2, 3 right and 4 filled although it is not; of song: 1 and 2.
    assert score.slot_accuracy(["time"]).value == 3 / 4
    assert score.slot_accuracy(["time", "song"]).value == 5 / 8


def test_a_missing_prediction_is_an_error_and_never_left_out():
    score = SemanticScore({"1": A, "2": B}, {"2": B})
    assert score.missing == 1
    assert score.intent_accuracy().value == score.exact_match().value == 0.5
    assert score.slot_f1().value == 0.0 and score.slu_f1().value == 0.0
    # Not even where there is nothing to say but an intent.
    assert SemanticScore({"1": B}, {}).exact_match().value == 0.0
    with pytest.raises(DataError, match="2 predictions for unknown utterances, the first is x"):
        SemanticScore({"1": A}, {"x": A, "y": A})
    with pytest.raises(DataError, match="no utterances"):
        SemanticScore({}, {})


def test_intervals_draw_groups():
    generator = np.random.default_rng(0)
    gold = {str(k): A for k in range(60)}
    right = generator.random(60) < 0.6
    found = {name: A if ok else B for name, ok in zip(gold, right, strict=True)}
    alone = SemanticScore(gold, found).exact_match().interval()
    assert alone.value == right.mean() and alone.low < right.mean() < alone.high and alone.speakers == 60
    # Six speakers who are all right or all wrong say far less than sixty.
    found = {name: A if int(name) // 10 % 2 else B for name in gold}
    six = SemanticScore(gold, found, {name: f"s{int(name) // 10}" for name in gold}).exact_match().interval()
    sixty = SemanticScore(gold, found).exact_match().interval()
    assert six.speakers == 6 and six.high - six.low > 2 * (sixty.high - sixty.low)
    assert SemanticScore({"1": A}, {"1": A}).exact_match().interval() is None
    assert SemanticScore({"1": B, "2": B}, {"1": B, "2": B}).slot_f1().interval() is None  # no slots at all

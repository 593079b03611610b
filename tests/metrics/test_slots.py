"""Slots against a worked case, against plain recursion, and against the published scorer's arithmetic."""

from functools import cache

import numpy as np
import pytest

from sottovoce.metrics.slots import (
    Counts,
    character_distance,
    distance_counts,
    exact_counts,
    slu_counts,
    word_distance,
)

GOLD = [("date", "tomorrow morning"), ("place", "paris")]
FOUND = [("date", "tomorrow"), ("artist", "paris")]


def test_a_case_by_hand():
    # tomorrow against tomorrow morning: one of two words is missing, 8 of 16 characters.
    assert word_distance("tomorrow morning", "tomorrow") == 0.5
    assert character_distance("tomorrow morning", "tomorrow") == 0.5
    assert exact_counts(GOLD, FOUND) == Counts(0, 2, 2)
    assert distance_counts(GOLD, FOUND, word_distance) == Counts(1, 1.5, 1.5)
    assert slu_counts(GOLD, FOUND) == Counts(2, 3, 3)
    assert slu_counts(GOLD, FOUND).f1 == pytest.approx(2 * 2 / (2 * 2 + 3 + 3))


def test_distances_are_normalized_each_in_its_way():
    assert word_distance("five", "half past five") == 2.0  # words of the gold filler; not bounded
    assert character_distance("abc", "abcdef") == 0.5  # characters of the longer one
    assert word_distance("five am", "") == 1.0 and character_distance("five am", "") == 1.0
    assert word_distance("a", "a") == character_distance("a", "a") == 0.0


def test_a_found_slot_takes_the_nearest_of_its_type_in_order():
    gold = [("time", "five am"), ("time", "five pm")]
    assert distance_counts(gold, [("time", "five pm"), ("time", "five am")], word_distance) == Counts(2, 0, 0)
    # The first found takes what the second would have had exactly: greedy, as SLURP's scorer is.
    greedy = distance_counts([("time", "x y"), ("time", "x z w")], [("time", "x"), ("time", "x y")], word_distance)
    assert greedy.hits == 2 and greedy.misses == pytest.approx(0.5 + 2 / 3)
    assert distance_counts(gold, [("time", "five pm")], word_distance) == Counts(1, 0, 1)
    assert exact_counts(gold, [("time", "five pm")] * 2) == Counts(1, 1, 1)


def test_nothing_at_all_is_no_success():
    assert slu_counts([], []) == Counts() and Counts().f1 == 0.0
    assert exact_counts([], [("a", "b")]) == Counts(0, 1, 0)
    assert slu_counts([("a", "b")], []) == Counts(0, 0, 2)


@cache
def plain(a, b):
    if not a or not b:
        return len(a) + len(b)
    return min(plain(a[1:], b) + 1, plain(a, b[1:]) + 1, plain(a[1:], b[1:]) + (a[0] != b[0]))


def published(gold, found):
    """SLU-F1 as the paper defines it, in the plainest way: precision and recall of the two summed tables."""
    hits = alarms = misses = 0.0
    for characters in (False, True):
        free = list(gold)
        for kind, filler in found:
            best = None
            for slot in free:
                if slot[0] == kind:
                    a, b = (tuple(text) if characters else tuple(text.split()) for text in (slot[1], filler))
                    off = plain(a, b) / (max(len(a), len(b)) if characters else len(a))
                    if best is None or off < best[0]:
                        best = (off, slot)
            if best is None:
                alarms += 1
            else:
                free.remove(best[1])
                hits, alarms, misses = hits + 1, alarms + best[0], misses + best[0]
        misses += len(free)
    precision = hits / (hits + alarms) if hits + alarms else 0.0
    recall = hits / (hits + misses) if hits + misses else 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def test_equals_plain_recursion_on_random_slots():
    generator = np.random.default_rng(0)

    def some():
        words = ["ab", "abc", "b", "ca"]
        return [
            (str(generator.choice(["x", "y"])), " ".join(generator.choice(words, generator.integers(1, 4))))
            for _ in range(generator.integers(0, 4))
        ]

    for _ in range(300):
        gold, found = some(), some()
        assert slu_counts(gold, found).f1 == pytest.approx(published(gold, found)), (gold, found)

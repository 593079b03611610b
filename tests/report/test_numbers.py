"""One way of wording comparisons, whichever of the two is larger."""

import doctest

import pytest

from sottovoce.report import numbers
from sottovoce.report.numbers import FASTER, comparison, ratio_range, ratio_text, share_removed


def test_examples():
    assert doctest.testmod(numbers).failed == 0


@pytest.mark.parametrize("then", [1, 37, 100, 104, 96, 1000])
@pytest.mark.parametrize("now", [1, 40, 100, 105, 999])
def test_no_number_is_below_1_and_the_word_says_which_way(then, now):
    for text, less, more in (
        (comparison(then, now), "less", "more"),
        (ratio_text(then / now, FASTER), "faster", "slower"),
        (ratio_range(then / now, 0.9 * then / now, 1.2 * then / now), "faster", "slower"),
    ):
        if "×" not in text:
            assert 0.95 <= then / now <= 1.06 and text.startswith("as ")
            continue
        number, word = text.split()[:2]
        assert float(number.removesuffix("×")) >= 1
        assert text.startswith(number) and (word == (less if then > now else more) or then == now or "as" in text)
    share, word = share_removed(now, then)
    assert not share.startswith("-") and word == ("removed" if now <= then else "added")


def test_what_is_not_known_is_not_compared():
    assert comparison(None, 5) == comparison(5, None) == comparison(0, 5) == comparison(5, 0) == ""

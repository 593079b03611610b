"""Numbers in tables, and what stands in their place."""

import numpy as np
import pytest

from sottovoce.errors import DataError
from sottovoce.text.plain_data import number_in, table_in, whole_in


@pytest.mark.parametrize("three", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_of_any_library_are_whole_numbers(three):
    found = whole_in({"cost": {"params": three}}, "cost", "params")
    assert found == 3 and type(found) is int


@pytest.mark.parametrize("half", [0.5, np.float32(0.5)])
def test_numbers_of_any_library_are_numbers(half):
    found = number_in({"share": half}, "share")
    assert found == 0.5 and type(found) is float


@pytest.mark.parametrize("read", [number_in, whole_in])
@pytest.mark.parametrize("value", ["3", True, None, [3]])
def test_anything_else_is_no_number(read, value):
    with pytest.raises(DataError, match=r"^cost\.params: a (whole )?number is needed here"):
        read({"cost": {"params": value}}, "cost", "params")


def test_a_fraction_is_no_whole_number():
    with pytest.raises(DataError, match=r"^params: a whole number is needed here, not 2\.5"):
        whole_in({"params": 2.5}, "params")


def test_a_missing_table_is_named():
    with pytest.raises(DataError, match=r"^cost: a table is needed here, not None"):
        table_in({}, "cost", "params")

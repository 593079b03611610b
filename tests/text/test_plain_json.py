"""JSON with numbers that JSON does not have: null and a reason, wherever the package writes any."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

import sottovoce
from sottovoce.text import plain_json
from strict_json import strictly

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("data", "written"),
    [
        ({"eer": NAN}, {"eer": None, "eer_reason": "not a number"}),
        (
            {"der": INF, "low": -INF},
            {"der": None, "der_reason": "infinite", "low": None, "low_reason": "minus infinity"},
        ),
        ({"der": INF, "der_reason": "nobody speaks"}, {"der": None, "der_reason": "nobody speaks"}),
        ({"bounds": (0.5, NAN, INF)}, {"bounds": [0.5, None, None], "bounds_reason": "not a number"}),
        ({"a": {"b": [{"c": NAN}]}}, {"a": {"b": [{"c": None, "c_reason": "not a number"}]}}),
        (
            [{"x": INF, "y": 1.5, "z": "é", "n": None}],
            [{"x": None, "x_reason": "infinite", "y": 1.5, "z": "é", "n": None}],
        ),
        ({"rows": [[1.0, [NAN]], [2]]}, {"rows": [[1.0, [None]], [2]], "rows_reason": "not a number"}),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_what_is_no_number_is_null_and_says_why(data, written, indent):
    """``--json`` printed ``Infinity`` and ``NaN``, which are no JSON and which other parsers refuse."""
    assert strictly(plain_json.dumps(data, indent=indent)) == written


def test_what_json_has_is_written_as_it_is():
    data = {"a": [1, 2.5, -0.0, 1e300, True, None, "NaN"], "b": {"c": "x"}}
    assert plain_json.dumps(data) == json.dumps(data) and plain_json.finite(data) == data


def test_nothing_else_in_the_package_writes_json():
    """`json.dumps` only where the text stays inside, or where it cannot let such a number through."""
    inside = re.compile(r"plain_json\.dumps|allow_nan=False|json\.loads\(json\.dumps\(|hashlib\.")
    source = Path(sottovoce.__file__).parent
    lines = [
        f"{path.relative_to(source)}:{number}: {line.strip()}"
        for path in sorted(source.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"json\.dumps?\(", line) and not inside.search(line)
    ]
    assert lines == []

"""Rules for values: types and ranges, checked before anything is built from the values.

Written here and not with pydantic, because portable model directories carry this file to places that have torch and
transformers only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, TypeGuard

from ...errors import CheckpointError
from ...text.suggestions import did_you_mean

WIDTH = 65536
"""An upper bound for channels, heads, taps or labels, far above any real network."""


@dataclass(frozen=True)
class Rule:
    """What one value may be.

    Args:
        wants: the rule in words.
        holds: whether a value follows the rule.
        verb: the verb before the words in a message.
    """

    wants: str
    holds: Callable[[object], bool]
    verb: str = "must be"


def whole(low: int, high: int) -> Rule:
    """An integer from ``low`` to ``high``; a bool is not one."""
    return Rule(f"a whole number from {low} to {high}", lambda value: _is_whole(value) and low <= value <= high)


def number(low: float, high: float) -> Rule:
    """A finite number from ``low`` to ``high``."""
    return Rule(
        f"a number from {low:g} to {high:g}",
        lambda value: isinstance(value, Real) and not isinstance(value, bool) and low <= value <= high,  # type: ignore[operator]
    )


def one_of(*choices: object) -> Rule:
    """One of a few values."""
    words = ", ".join(each if isinstance(each, str) else json.dumps(each, allow_nan=False) for each in choices)
    return Rule(words, lambda value: any(value is each or _same(value, each) for each in choices), "can be")


def several(rule: Rule, minimum: int = 0, maximum: int = WIDTH) -> Rule:
    """A list of ``minimum`` to ``maximum`` values, each of which follows ``rule``."""

    def holds(value: Any) -> bool:
        listed = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        return listed and minimum <= len(value) <= maximum and all(map(rule.holds, value))

    return Rule(f"a list of {minimum} to {maximum}, each {rule.wants}", holds)


def or_none(rule: Rule) -> Rule:
    """``None``, or a value that follows ``rule``."""
    return Rule(f"{rule.wants}, or null", lambda value: value is None or rule.holds(value))


ANYTHING = Rule("anything", lambda value: True)
FLAG = Rule("true or false", lambda value: isinstance(value, bool))
TEXT = Rule("text", lambda value: isinstance(value, str))
TABLE = Rule(
    "a table of names and values", lambda value: isinstance(value, Mapping) and all(map(TEXT.holds, value.keys()))
)
TEXTS = Rule(
    "a table of texts",
    lambda value: isinstance(value, Mapping) and all(map(TEXT.holds, (*value.keys(), *value.values()))),
)
PROBABILITY = number(0, 1)
POSITIVE = number(math.ulp(0.0), 1e30)


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _same(value: Any, choice: Any) -> bool:
    return type(value) is type(choice) and bool(value == choice)


def check(values: Mapping[str, object], rules: Mapping[str, Rule], where: str = "config") -> None:
    """Check values against the rules of their names.

    Args:
        values: value by name.
        rules: rule by name.
        where: place of the values, for messages.

    Raises:
        CheckpointError: a name without a rule, or a value that breaks its rule.
    """
    for name, value in values.items():
        if name not in rules:
            raise CheckpointError(f"{where}: {short(name)} is unknown; {did_you_mean(str(name), rules)}")
        if not rules[name].holds(value):
            raise CheckpointError(f"{where}: {name} is {short(value)}; it {rules[name].verb} {rules[name].wants}")


def short(value: object) -> str:
    """``repr`` of any value in one line of at most 60 characters."""
    try:
        text = " ".join(repr(value).split())
    except (ValueError, RecursionError):  # a number of 5,000 digits, a list in a list in a list ...
        return f"a {type(value).__name__} that cannot be printed"
    return text if len(text) <= 60 else text[:57] + "..."

"""Options of a head, a fusion, a pooling or a scoring, held against the signature of what they are for, before it is built."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from inspect import Parameter, signature
from typing import Any

from ..encoder.checks.values import FLAG, PROBABILITY, TABLE, TEXT, Rule, number, one_of, several, short, whole
from ..errors import CheckpointError
from ..text.did_you_mean import did_you_mean

MOST = 2**20
"""More than any width, kernel or count of a head has been."""

SIMPLE: dict[Any, Rule] = {
    bool: FLAG,
    int: whole(0, MOST),
    float: number(-1e6, 1e6),
    str: TEXT,
    type(None): one_of(None),
}
BOUNDED: dict[str, Rule] = {
    **dict.fromkeys(("dropout",), PROBABILITY),
    **dict.fromkeys(("blocks", "speakers"), whole(0, 64)),
    **dict.fromkeys(("heads", "kernel", "context"), whole(1, 4096)),
    "scale": whole(1, 256),
    "at_once": whole(0, 8),
    "top": whole(2, MOST),
    "downsampling": whole(1, 64),
}
"""Options that building takes time for, or that have a range of their own, whatever they are options of."""

OF_DICT: tuple[Any, ...] = (dict, Mapping)
OF_LIST: tuple[Any, ...] = (list, tuple, Sequence)


def check_options(
    builder: Callable[..., Any], options: Mapping[str, Any], what: str, given: Iterable[str] = ()
) -> None:
    """Hold options against the keywords of a class and their annotations.

    So a ``TypeError`` out of the constructor is a fault of ours, and told as such.

    Args:
        builder: the class.
        options: from a config.
        what: they are of, for messages.
        given: keywords that are not for configs to say.

    Raises:
        CheckpointError: one that is unknown, missing, or not what the annotation says.
    """
    keywords = {name: each for name, each in _keywords(builder).items() if name not in given}
    for name, value in options.items():
        if name not in keywords:
            raise CheckpointError(f"config: {what}: {short(name)} is unknown; {did_you_mean(str(name), keywords)}")
        rule = keywords[name][0]
        if not rule.holds(value):
            raise CheckpointError(f"config: {what}: {name} is {short(value)}; it {rule.verb} {rule.wants}")
    if missing := [name for name, (_, needed) in keywords.items() if needed and name not in options]:
        raise CheckpointError(f"config: {what}: needs {', '.join(missing)}")


@cache
def _keywords(builder: Callable[..., Any]) -> dict[str, tuple[Rule, bool]]:
    """Keyword -> what its values may be, and whether it must be there."""
    start = getattr(builder, "__init__", builder)
    hints = typing.get_type_hints(start)
    return {
        name: (
            BOUNDED[name] if name in BOUNDED and hints[name] in (int, float) else _rule(hints[name]),
            each.default is Parameter.empty,
        )
        for name, each in signature(builder).parameters.items()
        if each.kind is Parameter.KEYWORD_ONLY
    }


def _rule(hint: Any) -> Rule:
    """The rule that an annotation stands for."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    kind, inner = typing.get_origin(hint), typing.get_args(hint)
    if kind is typing.Literal:
        return one_of(*inner)
    if kind in (typing.Union, types.UnionType):
        rules = [_rule(each) for each in inner]
        return Rule(" or ".join(rule.wants for rule in rules), lambda value: any(rule.holds(value) for rule in rules))
    if hint in OF_DICT or kind in OF_DICT:
        return TABLE
    if kind in OF_LIST:
        return several(_rule(inner[0]), most=1024)
    raise TypeError(f"no rule for options of the type {hint}")  # a class of ours with an annotation that is new

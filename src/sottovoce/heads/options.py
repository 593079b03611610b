"""Options of a head, a layer aggregation, a pooling or a scoring: the keywords of its constructor.

A constructor is the one place where an option, its default and its bounds stand::

    def __init__(self, stream, layers, *, width: Width = 128, dropout: Dropout = 0.1): ...

What a config says is held against it before anything is built, and the section of a recipe is made from it
(`sottovoce.tasks.head_options`). Written without pydantic, because portable model directories carry this file.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, signature
from typing import Annotated, Any, Literal, TypeAlias

from ..encoder.checks.values import FLAG, TABLE, TEXT, WIDTH, Rule, number, one_of, several, short, whole
from ..errors import CheckpointError
from ..text.suggestions import did_you_mean

OptionValues: TypeAlias = Mapping[str, Any]
"""Options by name, as configs hold them: plain data."""

Choice: TypeAlias = str | Mapping[str, Any]
"""How configs write one of several kinds: its name, or ``{"kind": name, ...}`` with its options."""


@dataclass(frozen=True)
class Between:
    """Bounds of a number, to annotate an option with.

    Args:
        low: the least value.
        high: the largest value.
        open: leave ``high`` itself out.
    """

    low: float
    high: float
    open: bool = False

    def rule(self, kind: type) -> Rule:
        """The rule for a number of this type."""
        if kind is int:
            return whole(int(self.low), int(self.high))
        if not self.open:
            return number(self.low, self.high)
        inside = number(self.low, self.high).holds
        return Rule(f"a number from {self.low:g} to less than {self.high:g}", lambda x: inside(x) and x < self.high)


@dataclass(frozen=True)
class NotEmpty:
    """Of a list that needs at least one entry."""


@dataclass(frozen=True, eq=False)
class KindsOf:
    """Of a `Choice`: what can be chosen.

    Args:
        noun: what a choice is called in messages, such as ``pooling``.
        builders: name -> the class.
    """

    noun: str
    builders: Mapping[str, Callable[..., Any]]


Width: TypeAlias = Annotated[int, Between(1, WIDTH)]
"""Channels, units or features of a layer."""

EmbeddingSize: TypeAlias = Annotated[int, Between(2, WIDTH)]
"""Entries of an embedding."""

Widths: TypeAlias = Annotated[Sequence[Width], NotEmpty()]
"""One entry a layer."""

Count: TypeAlias = Annotated[int, Between(1, 4096)]
"""Attention heads, convolution taps, or labels of context."""

Blocks: TypeAlias = Annotated[int, Between(1, 64)]
"""Layers of a network."""

Dropout: TypeAlias = Annotated[float, Between(0, 1, open=True)]

Stride: TypeAlias = Annotated[int, Between(1, 64)]
"""Frames that become one."""

MOST = 2**20
"""More than any number of a head without bounds of its own has been."""

SIMPLE: dict[Any, Rule] = {
    bool: FLAG,
    int: whole(0, MOST),
    float: number(-1e6, 1e6),
    str: TEXT,
    type(None): one_of(None),
}
TABLES: tuple[Any, ...] = (dict, Mapping)
LISTS: tuple[Any, ...] = (list, tuple, Sequence)


@dataclass(frozen=True)
class Option:
    """One keyword of a constructor.

    Args:
        annotation: its type, with the bounds that it is annotated with.
        default: its default; `inspect.Parameter.empty` where it must be given.
    """

    annotation: Any
    default: Any

    @property
    def needed(self) -> bool:
        return self.default is Parameter.empty

    @property
    def rule(self) -> Rule:
        """What its values may be."""
        return _rule(self.annotation)


@cache
def options_of(builder: Callable[..., Any]) -> dict[str, Option]:
    """The options of a class by name, in the order of its constructor."""
    hints = typing.get_type_hints(getattr(builder, "__init__", builder), include_extras=True)
    return {
        name: Option(hints[name], each.default)
        for name, each in signature(builder).parameters.items()
        if each.kind is Parameter.KEYWORD_ONLY
    }


def check_options(builder: Callable[..., Any], options: OptionValues, what: str) -> None:
    """Hold options against the keywords of a class, their annotations, and one another.

    So a ``TypeError`` out of the constructor is a fault of ours, and told as such.

    Args:
        builder: the class. What its options must be together is in its static method ``check``, where it has one.
        options: from a config.
        what: they are of, for messages.

    Raises:
        CheckpointError: one that is unknown, missing, not what the annotation says, or does not go with the others.
    """
    keywords = options_of(builder)
    for name, value in options.items():
        if name not in keywords:
            raise CheckpointError(f"config: {what}: {short(name)} is unknown; {did_you_mean(str(name), keywords)}")
        rule = keywords[name].rule
        if not rule.holds(value):
            raise CheckpointError(f"config: {what}: {name} is {short(value)}; it {rule.verb} {rule.wants}")
    if missing := [name for name, option in keywords.items() if option.needed and name not in options]:
        raise CheckpointError(f"config: {what}: needs {', '.join(missing)}")
    try:
        check_together(builder, {name: option.default for name, option in keywords.items()} | dict(options))
    except CheckpointError as error:
        raise CheckpointError(f"config: {what}: {error}") from None


def check_together(builder: Callable[..., Any], options: OptionValues) -> None:
    """Call the ``check`` of a class, where it has one, with all of its options.

    Raises:
        CheckpointError: options that do not go together.
    """
    if (check := getattr(builder, "check", None)) is not None:
        check(options)


def split_choice(chosen: Choice) -> tuple[str, dict[str, Any]]:
    """Kind and options of a choice."""
    if isinstance(chosen, str):
        return chosen, {}
    return str(chosen.get("kind")), {key: value for key, value in chosen.items() if key != "kind"}


def build_choice(kinds: KindsOf, chosen: Choice, *arguments: Any) -> Any:
    """An instance of what a config chooses.

    Args:
        kinds: what can be chosen.
        chosen: ``"mean"``, or with options ``{"kind": "attentive", "bottleneck": 128}``.
        arguments: positional arguments of the class.

    Raises:
        CheckpointError: another kind, or options that it does not have.
    """
    kind, options = split_choice(chosen)
    if kind not in kinds.builders:
        raise CheckpointError(f"config: the {kinds.noun} is {kind!r}; it can be {', '.join(kinds.builders)}")
    check_options(kinds.builders[kind], options, f"{kinds.noun} {kind}")
    return kinds.builders[kind](*arguments, **options)


def _rule(hint: Any) -> Rule:
    """The rule that an annotation stands for."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    kind, inner = typing.get_origin(hint), typing.get_args(hint)
    if kind is Annotated:
        base, *marks = inner
        bounds = next((mark for mark in marks if isinstance(mark, Between)), None)
        if bounds is not None:
            return bounds.rule(base)
        if NotEmpty() in marks:
            return several(_rule(typing.get_args(base)[0]), least=1, most=1024)
        return _rule(base)
    if kind is Literal:
        return one_of(*inner)
    if kind in (typing.Union, types.UnionType):
        rules = [_rule(each) for each in inner]
        return Rule(" or ".join(rule.wants for rule in rules), lambda value: any(rule.holds(value) for rule in rules))
    if hint in TABLES or kind in TABLES:
        return TABLE
    if kind in LISTS:
        return several(_rule(inner[0]), most=1024)
    raise TypeError(f"no rule for options of the type {hint}")  # a class of ours with an annotation that is new

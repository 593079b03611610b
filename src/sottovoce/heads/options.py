"""Options of a head, a layer aggregation, a pooling or a scoring: the keyword arguments of its constructor.

A constructor is the one place that defines an option, its default and its bounds::

    def __init__(self, stream, layers, *, width: Width = 128, dropout: Dropout = 0.1): ...

Configs are checked against the constructor before anything is built, and sections of recipes are made from it
(`sottovoce.tasks.head_options`). This file does without pydantic, because it is copied into portable model directories.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, signature
from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar

from ..encoder.checks.values import FLAG, TABLE, TEXT, WIDTH, Rule, number, one_of, several, short, whole
from ..errors import CheckpointError
from ..text.suggestions import did_you_mean

OptionValues: TypeAlias = Mapping[str, object]
"""Options by name, as configs hold them: plain data."""

Choice: TypeAlias = str | Mapping[str, object]
"""One of several kinds, as configs write it: its name, or ``{"kind": name, ...}`` with its options."""


@dataclass(frozen=True)
class Between:
    """Annotation of an option: bounds of a number.

    Args:
        low: the smallest value.
        high: the largest value.
        open: whether ``high`` itself is excluded.
    """

    low: float
    high: float
    open: bool = False

    def rule(self, kind: type) -> Rule:
        """The rule for a number of the type ``kind``."""
        if kind is int:
            return whole(int(self.low), int(self.high))
        if not self.open:
            return number(self.low, self.high)
        inside = number(self.low, self.high).holds

        def holds(value: Any) -> bool:
            return inside(value) and value < self.high

        return Rule(f"a number from {self.low:g} to less than {self.high:g}", holds)


@dataclass(frozen=True)
class NotEmpty:
    """Annotation of an option: a list with at least one entry."""


Kind = TypeVar("Kind")


@dataclass(frozen=True, eq=False)
class KindsOf(Generic[Kind]):
    """Annotation of a `Choice`: the kinds that can be chosen.

    Args:
        noun: what messages call a choice, such as ``pooling``.
        builders: name of a kind -> its class.
    """

    noun: str
    builders: Mapping[str, Callable[..., Kind]]


Width: TypeAlias = Annotated[int, Between(1, WIDTH)]
"""Channels, units or features of a layer."""

EmbeddingSize: TypeAlias = Annotated[int, Between(2, WIDTH)]
"""Dimension of an embedding."""

Widths: TypeAlias = Annotated[Sequence[Width], NotEmpty()]
"""One width for each layer."""

Count: TypeAlias = Annotated[int, Between(1, 4096)]
"""A number of attention heads, convolution taps, or context labels."""

Blocks: TypeAlias = Annotated[int, Between(1, 64)]
"""Number of layers of a network."""

Dropout: TypeAlias = Annotated[float, Between(0, 1, open=True)]

Stride: TypeAlias = Annotated[int, Between(1, 64)]
"""Number of frames that are merged into one."""

MOST = 2**20
"""Upper bound of numbers without bounds of their own, far above any real value."""

SIMPLE: dict[object, Rule] = {
    bool: FLAG,
    int: whole(0, MOST),
    float: number(-1e6, 1e6),
    str: TEXT,
    type(None): one_of(None),
}
TABLES: tuple[object, ...] = (dict, Mapping)
LISTS: tuple[object, ...] = (list, tuple, Sequence)


@dataclass(frozen=True)
class Option:
    """One keyword argument of a constructor.

    Args:
        annotation: its type and bounds.
        default: its default; `inspect.Parameter.empty` for a required argument.
    """

    annotation: object
    default: object

    @property
    def needed(self) -> bool:
        return self.default is Parameter.empty

    @property
    def rule(self) -> Rule:
        """The rule that its values must meet."""
        return _rule(self.annotation)


@cache
def options_of(builder: Callable[..., object]) -> dict[str, Option]:
    """The options of a class by name, in the order of its constructor."""
    hints = typing.get_type_hints(getattr(builder, "__init__", builder), include_extras=True)
    return {
        name: Option(hints[name], each.default)
        for name, each in signature(builder).parameters.items()
        if each.kind is Parameter.KEYWORD_ONLY
    }


def check_options(builder: Callable[..., object], options: OptionValues, what: str) -> None:
    """Check options against the keyword arguments of a class, their annotations, and each other.

    After this check, a ``TypeError`` from the constructor is a bug of the class and is reported as one.

    Args:
        builder: the class. Its static method ``check``, if it has one, checks options that depend on each other.
        options: options from a config.
        what: what the options belong to, for messages.

    Raises:
        CheckpointError: an option is unknown, missing, of a wrong type or value, or conflicts with another.
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


def check_together(builder: Callable[..., object], options: OptionValues) -> None:
    """Call the method ``check`` of a class, if it has one, with all of its options.

    Raises:
        CheckpointError: options that conflict with each other.
    """
    if (check := getattr(builder, "check", None)) is not None:
        check(options)


def split_choice(chosen: Choice) -> tuple[str, dict[str, object]]:
    """Kind and options of a choice."""
    if isinstance(chosen, str):
        return chosen, {}
    return str(chosen.get("kind")), {key: value for key, value in chosen.items() if key != "kind"}


def build_choice(kinds: KindsOf[Kind], chosen: Choice, *arguments: object) -> Kind:
    """An instance of the kind that a config chooses.

    Args:
        kinds: the kinds that can be chosen.
        chosen: ``"mean"``, or with options ``{"kind": "attentive", "bottleneck": 128}``.
        arguments: positional arguments of the class.

    Raises:
        CheckpointError: an unknown kind, or options that it does not have.
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
            return several(_rule(typing.get_args(base)[0]), minimum=1, maximum=1024)
        return _rule(base)
    if kind is Literal:
        return one_of(*inner)
    if kind in (typing.Union, types.UnionType):
        rules = [_rule(each) for each in inner]
        return Rule(" or ".join(rule.wants for rule in rules), lambda value: any(rule.holds(value) for rule in rules))
    if hint in TABLES or kind in TABLES:
        return TABLE
    if kind in LISTS:
        return several(_rule(inner[0]), maximum=1024)
    raise TypeError(f"no rule for options of the type {hint}")  # a new annotation without a rule

"""The section of a recipe for a head, made from the head's constructor, which is the only definition of its options."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import Field, create_model, model_validator

from ..heads.head import Embedder
from ..heads.options import Between, KindsOf, NotEmpty, check_together, options_of, split_choice
from ..heads.registry import HEADS
from ..options import OneOf, Options, one_of

NO_OPTIONS = frozenset({"shape"})
"""Arguments of constructors that recipes cannot set: the shape after pruning."""


class ConstructorOptions(Options):
    """Base of the sections that `constructor_options` makes."""

    builder: ClassVar[Callable[..., object]]
    """The class whose keyword arguments are the options."""

    @model_validator(mode="after")
    def _go_together(self) -> ConstructorOptions:
        check_together(type(self).builder, option_values(self))
        return self


@cache
def constructor_options(builder: Callable[..., object], given: Collection[str] = ()) -> type[ConstructorOptions]:
    """A section with a field for each keyword argument of a class, with its type, bounds, default and description.

    Args:
        builder: the class, such as a head.
        given: arguments that are not set by the recipe, such as the number of outputs.
    """
    return _completed(ConstructorOptions, builder, given)


def with_options_of(builder: Callable[..., object]) -> Callable[[type[ConstructorOptions]], type[ConstructorOptions]]:
    """Complete a section that names some options of a class itself, for type checkers; see `constructor_options`."""
    return lambda section: _completed(section, builder)


def _completed(
    section: type[ConstructorOptions], builder: Callable[..., object], given: Collection[str] = ()
) -> type[ConstructorOptions]:
    texts = argument_texts(builder)
    fields: dict[str, Any] = {}
    for name, option in options_of(builder).items():
        if name in given or name in NO_OPTIONS:
            continue
        default = ... if option.needed else _written(option.default)
        field = Field(default, validate_default=True, description=texts.get(name))
        fields[name] = (_field_type(option.annotation), field)
    made = create_model(f"{builder.__name__}Options", __base__=section, **fields)
    made.builder = builder
    made.__doc__ = inspect.cleandoc(builder.__doc__ or "").partition("\n")[0]
    return made


def _written(default: Any) -> Any:
    """The default of a constructor as recipes write it; options of a choice are written below its name."""
    if not isinstance(default, Mapping):
        return default
    kind, options = split_choice(default)
    return {kind: options}


def _field_type(annotation: Any) -> Any:
    """A constructor's annotation as pydantic checks it."""
    kind, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if kind is Annotated:
        return _marked(*inner)
    if kind in (typing.Union, types.UnionType):
        return typing.Union[tuple(map(_field_type, inner))]  # noqa: UP007 - the tuple is made here
    if kind is Sequence:
        return list[_field_type(inner[0])]  # type: ignore[misc]
    return annotation


def _marked(base: Any, *marks: Any) -> Any:
    """A type with the annotations of `sottovoce.heads.options` as pydantic checks them."""
    found = _field_type(base)
    for mark in marks:
        if isinstance(mark, KindsOf):
            return _choice(mark)
        if isinstance(mark, Between):
            upper: dict[str, Any] = {"lt" if mark.open else "le": mark.high}
            found = Annotated[found, Field(ge=mark.low, **upper)]
        if isinstance(mark, NotEmpty):
            found = Annotated[found, Field(min_length=1)]
    return found


@cache
def _choice(kinds: KindsOf) -> type[OneOf[ConstructorOptions]]:
    sections = {name: constructor_options(builder) for name, builder in kinds.builders.items()}
    return one_of(sections)(create_model(kinds.noun.title().replace(" ", ""), __base__=OneOf[ConstructorOptions]))


def option_values(section: Options) -> dict[str, object]:
    """The options of a section as a model's config writes them: ``{"width": 128, "pooling": {"kind": "mean"}}``."""
    found = section.model_dump()
    for name in type(section).model_fields:
        if isinstance(inner := getattr(section, name), OneOf):
            found[name] = chosen_config(inner)
    return found


def chosen_config(chosen: OneOf[ConstructorOptions]) -> dict[str, object]:
    """A choice, and choices inside it, as a model's config writes them: ``{"kind": "mhfa", "width": 128, ...}``."""
    return {"kind": chosen.kind, **option_values(chosen.options)}


def argument_texts(documented: object) -> dict[str, str]:
    """The text for each argument in the section ``Args`` of a docstring."""
    text = inspect.cleandoc(documented.__doc__ or "")
    section = re.search(r"^Args:\n((?:[ ]{4}.*\n?|\n)+)", text, re.MULTILINE)
    found: dict[str, str] = {}
    for names, words in re.findall(
        r"^[ ]{4}(\w[\w, ]*): ((?:.*\n?)(?:[ ]{8}.*\n?)*)", section[1] if section else "", re.M
    ):
        found |= dict.fromkeys(names.split(", "), " ".join(words.split()))
    return found


_SECTIONS, HEAD_FAULTS = HEADS.made_of(lambda head: constructor_options(head) if issubclass(head, Embedder) else None)

EMBEDDER_SECTIONS: Mapping[str, type[ConstructorOptions]] = {
    name: section for name, section in _SECTIONS.items() if section is not None
}
"""The sections of the heads that turn an utterance into one vector, by the name that recipes use."""


@one_of(EMBEDDER_SECTIONS, HEAD_FAULTS)
class EmbedderChoice(OneOf[ConstructorOptions]):
    """A head that turns an utterance into one vector."""

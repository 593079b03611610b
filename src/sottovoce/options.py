"""Options of a recipe: strict pydantic models, and every fault in them as one line with a path and a remedy."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, create_model, model_serializer, model_validator
from pydantic_core import ErrorDetails

from .bounded import Bounded


class Options(Bounded):
    """Base of every section of a recipe: an unknown key is an error, values are never changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class OneOf(Options):
    """A section that is written as exactly one key; made by `one_of`."""

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, data: Any) -> Any:
        # `- slim` alone reads naturally; an empty section has all its defaults.
        if isinstance(data, str):
            return {data: {}}
        if isinstance(data, dict):
            return {key: {} if value is None else value for key, value in data.items()}
        return data

    @model_validator(mode="after")
    def _exactly_one(self) -> OneOf:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"give exactly one of {', '.join(type(self).model_fields)}")
        return self

    @model_serializer
    def _only_the_chosen(self) -> dict[str, Any]:
        return {self.kind: self.options}

    @property
    def kind(self) -> str:
        """The key."""
        return next(iter(self.model_fields_set))

    @property
    def options(self) -> Any:
        """The section under the key."""
        return getattr(self, self.kind)


def one_of(name: str, choices: Mapping[str, type[Options]]) -> type[OneOf]:
    """A section that is written as exactly one key out of ``choices``: ``- prune: {steps: 100}``.

    The instance has ``.kind`` (the key) and ``.options`` (the section under it).

    >>> class Sine(Options):
    ...     hertz: float
    >>> tone = one_of("Tone", {"sine": Sine}).model_validate({"sine": {"hertz": 440}})
    >>> tone.kind, tone.options.hertz
    ('sine', 440.0)
    """

    fields: dict[str, Any] = {key: (model | None, None) for key, model in choices.items()}
    return create_model(name, __base__=OneOf, **fields)


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One line for each fault that pydantic found: ``stages[1].prune.stpes: unknown; did you mean 'steps'?``."""
    lines: dict[str, list[str]] = {}
    for each in error.errors():
        path, message = _told(each, model)
        lines.setdefault(path, []).append(message)
    # A value that fits no member of a union has one fault for each member.
    return [f"{path}: {' or '.join(dict.fromkeys(found))}" if path else found[0] for path, found in lines.items()]


def _told(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    where: list[int | str] = []
    for step in error["loc"]:
        if not _is_tag(step) or _names_anything(model, where):
            where.append(step)
    if error["type"] == "extra_forbidden" and where[-1:] != [error["loc"][-1]]:
        where.append(error["loc"][-1])  # whatever it is, it is a key
    path = dotted(where)
    if error["type"] == "extra_forbidden":
        section = _section(model, where[:-1])
        return path, f"unknown; {nearest(str(where[-1]), known_keys(section) if section else ())}"
    if error["type"] == "missing":
        return path, "missing"
    message = cut(error["msg"].removeprefix("Value error, "), 2000)
    if error["type"] == "value_error" or isinstance(error["input"], dict | list | BaseModel):
        return path, message
    return path, f"{message[0].lower()}{message[1:]} (got {shown(error['input'])})"


def shown(value: object, most: int = 80) -> str:
    """A value in a message: in one line, and cut where it is long."""
    return cut(repr(value), most)


def cut(text: str, most: int) -> str:
    """A text, or its beginning where it is long."""
    return text if len(text) <= most else f"{text[:most]}..."


def _is_tag(step: int | str) -> bool:
    # Members of a union are named in pydantic's location ("list[str]", "Budget", "literal[...]"); keys never look so.
    return isinstance(step, str) and (
        "[" in step or step in {"str", "int", "float", "bool"} or step.startswith("constrained-") or step[:1].isupper()
    )


def dotted(path: Iterable[int | str]) -> str:
    """``("stages", 1, "prune")`` as ``stages[1].prune``."""
    text = ""
    for step in path:
        word = str(step)
        plain = word.isprintable() and len(word) <= 80
        text += f"[{step}]" if isinstance(step, int) else f".{word if plain else shown(word)}"
    return text.removeprefix(".")


def nearest(word: str, known: Iterable[str]) -> str:
    """The remedy for an unknown word: the nearest known one, or all of them where none is near."""
    known = sorted(known)
    if close := difflib.get_close_matches(word, known, n=1, cutoff=0.6):
        return f"did you mean {close[0]!r}?"
    return f"known here: {', '.join(known)}" if known else "nothing is allowed here"


TOLD = 50
"""Problems that are told one by one."""


def listed(problems: Sequence[str], title: str) -> str:
    """Several problems below a title, each on a line of its own; a single one as it is."""
    if len(problems) == 1:
        return problems[0]
    rest = [f"... and {len(problems) - TOLD} more"] if len(problems) > TOLD else []
    return f"{title}:" + "".join(f"\n  {problem}" for problem in [*problems[:TOLD], *rest])


def known_keys(model: type[BaseModel]) -> list[str]:
    """Keys that a section may hold, as they are written in the file."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _section(model: type[BaseModel], where: Iterable[int | str]) -> type[BaseModel] | None:
    """The model of the section at a location."""
    return next((a for a in _alternatives(_annotation(model, where)) if _is_model(a)), None)


def _names_anything(model: type[BaseModel], where: Iterable[int | str]) -> bool:
    """Whether the section at a location is a mapping whose keys are the user's own names."""
    kinds = [each for each in _alternatives(_annotation(model, where)) if each is not type(None)]
    return len(kinds) == 1 and get_origin(kinds[0]) is dict


def _annotation(model: type[BaseModel], where: Iterable[int | str]) -> Any:
    """The type of what stands at a location, ``None`` where it is unknown."""
    found: Any = model
    for step in where:
        if isinstance(step, int):
            found = next((a for a in _alternatives(found) if get_origin(a) in (list, tuple)), None)
            found = get_args(found)[0] if found is not None else None
            continue
        owner = next((a for a in _alternatives(found) if _is_model(a) or get_origin(a) is dict), None)
        if owner is None:
            return None
        if not _is_model(owner):
            found = get_args(owner)[1]
            continue
        names = {field.alias or name: field.annotation for name, field in owner.model_fields.items()}
        found = names.get(step)
    return found


def _alternatives(annotation: Any) -> list[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for each in get_args(annotation) for inner in _alternatives(each)]
    if hasattr(annotation, "__metadata__"):
        return _alternatives(get_args(annotation)[0])
    return [annotation]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)

"""Options against the model that declares them: every fault as one line with a path and a remedy."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..errors import DataError
from ..text.suggestions import did_you_mean

Model = TypeVar("Model", bound=BaseModel)


def check_options(
    model: type[Model], given: Mapping[str, object], name: str, *, spelling: Callable[[str], str] = str
) -> Model:
    """The options of ``model``, with defaults where ``given`` has none.

    Args:
        model: The model that declares the options.
        given: Some of the options.
        name: What the options belong to; each message begins with it.
        spelling: How the user writes an option, such as ``--speakers-test`` for ``speakers_test``.

    Raises:
        DataError: Options are unknown or have values that they cannot have; the message names all of them.
    """
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        problems = problems_of(error, model, spelling=spelling)
        raise DataError("; ".join(f"{name}: {problem}" for problem in problems)) from None


def problems_of(error: ValidationError, model: type[BaseModel], *, spelling: Callable[[str], str] = str) -> list[str]:
    """One line for each fault that pydantic found: ``stages[1].prune.stpes: unknown; did you mean 'steps'?``.

    Args:
        error: The faults.
        model: The model that was validated.
        spelling: How the user writes the model's own options.
    """
    lines: dict[str, list[str]] = {}
    for each in error.errors():
        path, message = _problem(each, model, spelling)
        lines.setdefault(path, []).append(message)
    # A value that fits no member of a union has one fault for each member.
    return [f"{path}: {' or '.join(dict.fromkeys(found))}" if path else found[0] for path, found in lines.items()]


def _problem(error: ErrorDetails, model: type[BaseModel], spelling: Callable[[str], str]) -> tuple[str, str]:
    """Path and message of a fault."""
    where: list[int | str] = []
    for step in error["loc"]:
        if not _is_tag(step) or _names_anything(model, where):
            where.append(step)
    if error["type"] == "extra_forbidden" and where[-1:] != [error["loc"][-1]]:
        where.append(error["loc"][-1])  # an unknown key, even if it looks like a tag of pydantic
    path = dotted([spelling(step) if k == 0 and isinstance(step, str) else step for k, step in enumerate(where)])
    if error["type"] == "extra_forbidden":
        section = _section(model, where[:-1])
        known, word = known_keys(section) if section else [], str(where[-1])
        if len(where) == 1:
            known, word = [spelling(each) for each in known], spelling(word)
        return path, f"unknown; {did_you_mean(word, known)}"
    if error["type"] == "missing":
        return path, "missing"
    message = shortened(error["msg"].removeprefix("Value error, "), 2000)
    if error["type"] == "value_error":
        return path, message
    message = f"{message[0].lower()}{message[1:]}"
    if isinstance(error["input"], dict | list | tuple | BaseModel):
        return path, message
    return path, f"{message} (got {short_repr(error['input'])})"


def short_repr(value: object, limit: int = 80) -> str:
    """The ``repr`` of a value; only its beginning if it is long."""
    return shortened(repr(value), limit)


def shortened(text: str, limit: int) -> str:
    """A text, or only its beginning if it is long."""
    return text if len(text) <= limit else f"{text[:limit]}..."


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
        text += f"[{step}]" if isinstance(step, int) else f".{word if plain else short_repr(word)}"
    return text.removeprefix(".")


MOST = 50
"""Most problems that are listed; the others are only counted."""


def problem_list(problems: Sequence[str], title: str) -> str:
    """Several problems below a title, each on a line of its own; a single one as it is."""
    if len(problems) == 1:
        return problems[0]
    rest = [f"... and {len(problems) - MOST} more"] if len(problems) > MOST else []
    return f"{title}:" + "".join(f"\n  {problem}" for problem in [*problems[:MOST], *rest])


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
    """The type of the value at a location; ``None`` where it is unknown."""
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

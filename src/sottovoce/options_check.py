"""Options that come from a person, as a dictionary, against the model that says which there are."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from .errors import DataError

Model = TypeVar("Model", bound=BaseModel)


def checked(model: type[Model], given: Mapping[str, Any], name: str, *, spelled: Callable[[str], str] = str) -> Model:
    """The options of ``model``, defaults filled in.

    Args:
        model: which options there are.
        given: some of them.
        name: what errors call their owner.
        spelled: how errors write the name of an option, where it is not Python that gave it.

    Raises:
        DataError: an unknown option, or a value that it cannot have; all of them are told.
    """
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise DataError("; ".join(_told(each, model, name, spelled) for each in error.errors())) from None


def _told(error: Any, model: type[BaseModel], name: str, spelled: Callable[[str], str]) -> str:
    path = ".".join(str(step) for step in error["loc"])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path, model.model_fields, n=1)
        hint = f"; did you mean {spelled(near[0])!r}?" if near else ""
        has = ", ".join(spelled(each) for each in model.model_fields) or "none"
        return f"{name} has no option {spelled(path)!r}; it has {has}{hint}"
    path = spelled(path) if path else ""
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return f"{name}: {path}: {message}" if path else f"{name}: {message}"
    return f"{name}: {path}: {message[0].lower()}{message[1:]} (got {error['input']!r})"

"""Options whose every number has bounds, even where their author gave none."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from ..errors import RecipeError
from .problems import problems_of

LARGEST = 1_000_000
"""Bound of a number that has none of its own, in both directions: no count, width or rate of a real run is larger."""

LONGEST = 10_000
"""Bound of the length of a list or section that has none of its own."""

MOST_SECONDS = 3_600.0
"""Bound of the seconds of audio that are in memory at once: an hour is 230 MB."""

WIDEST = 65_536
"""Bound of the channels of a layer."""

SEEDS = 2**63 - 1
"""Bound of a seed."""


def _refuse_bool(value: Any) -> Any:
    """Refuse ``true``, which pydantic would read as 1."""
    if isinstance(value, bool):
        raise ValueError(f"a number is needed, not {str(value).lower()}")
    return value


_NUMBERS = ("int", "float")
_CHECK: Any = {"type": "no-info", "function": _refuse_bool}
_NO_SCHEMAS = ("default", "metadata", "serialization")


def _bounded(schema: Any) -> Any:
    """A pydantic schema with bounds on all numbers and lists in it."""
    if isinstance(schema, list | tuple):
        return type(schema)(_bounded(each) for each in schema)
    if not isinstance(schema, dict) or schema.get("function") == _CHECK:
        return schema  # a schema with `_CHECK` is bounded already, as part of a model of its own
    schema = {key: value if key in _NO_SCHEMAS else _bounded(value) for key, value in schema.items()}
    kind = schema.get("type")
    if kind in _NUMBERS:
        number = int if kind == "int" else float
        if not {"ge", "gt"} & schema.keys():
            schema["ge"] = number(-LARGEST)
        if not {"le", "lt"} & schema.keys():
            schema["le"] = number(LARGEST)
        return core_schema.no_info_before_validator_function(_refuse_bool, schema)
    if kind in ("list", "dict", "set", "tuple"):
        schema.setdefault("max_length", LONGEST)
    return schema


class Bounded(BaseModel):
    """A model that refuses numbers which no real use has: ``batch: 1e12`` is an error before memory is allocated for it.

    Every number in it, however deep, gets the bounds that it lacks. Infinity, NaN and ``true`` are not numbers here.

    Raises:
        RecipeError: unknown options or values that cannot be, where an instance is made in Python; one line names all of
            them. `model_validate` raises pydantic's error, from which `problems_of` makes lines with paths.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            name = type(self).__name__
            raise RecipeError("; ".join(f"{name}: {problem}" for problem in problems_of(error, type(self)))) from None

    # Tells pydantic to treat ``__init__`` as its own, so that sections inside sections are validated without calling it.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _bounded(handler(source))

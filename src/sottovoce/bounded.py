"""Options whose every number has bounds, whether whoever wrote the option thought of them or not."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

LARGEST = 1_000_000
"""Of a number with no bound of its own, either way: no count, width, rate or weight of a real run is larger."""

LONGEST = 10_000
"""Of a list or section with no bound of its own."""

MOST_SECONDS = 3_600.0
"""Of audio that is heard at once: an hour is 230 MB."""

WIDEST = 65_536
"""Of a layer, in channels."""

SEEDS = 2**63 - 1


def _no_truth(value: Any) -> Any:
    """``true`` would be read as 1."""
    if isinstance(value, bool):
        raise ValueError(f"a number is needed, not {str(value).lower()}")
    return value


_NUMBERS = ("int", "float")
_CHECK: Any = {"type": "no-info", "function": _no_truth}
_NO_SCHEMAS = ("default", "metadata", "serialization")


def _bounded(schema: Any) -> Any:
    """A schema with bounds on all numbers and lists in it."""
    if isinstance(schema, list | tuple):
        return type(schema)(_bounded(each) for each in schema)
    if not isinstance(schema, dict) or schema.get("function") == _CHECK:
        return schema  # the latter: the section has been here as a model of its own
    schema = {key: value if key in _NO_SCHEMAS else _bounded(value) for key, value in schema.items()}
    kind = schema.get("type")
    if kind in _NUMBERS:
        number = int if kind == "int" else float
        if not {"ge", "gt"} & schema.keys():
            schema["ge"] = number(-LARGEST)
        if not {"le", "lt"} & schema.keys():
            schema["le"] = number(LARGEST)
        return core_schema.no_info_before_validator_function(_no_truth, schema)
    if kind in ("list", "dict", "set", "tuple"):
        schema.setdefault("max_length", LONGEST)
    return schema


class Bounded(BaseModel):
    """A model that takes no number which no real use has: ``batch: 1e12`` is told before memory is taken for it.

    Every number in it, however deep, gets the bounds that it lacks; infinity and NaN are none, and neither is ``true``.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _bounded(handler(source))

"""The options of a layout as a pydantic model, derived from the signature of its function."""

from __future__ import annotations

import inspect
import typing
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from ....options.bounds import Bounded
from .rows import Layout


class _Strict(Bounded):
    model_config = ConfigDict(extra="forbid", frozen=True)


@cache
def options_model(layout: Layout) -> type[BaseModel]:
    """A model with a field for each keyword argument of a layout; other fields are refused."""
    types = typing.get_type_hints(layout)
    parameters = inspect.signature(layout).parameters.values()
    fields: dict[str, Any] = {
        each.name: (types[each.name], each.default) for each in parameters if each.kind is each.KEYWORD_ONLY
    }
    return create_model(f"{layout.__name__}Options", __base__=_Strict, **fields)

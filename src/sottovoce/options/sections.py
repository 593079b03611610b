"""Sections of options as strict pydantic models, and sections that are written as exactly one key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, create_model, model_serializer, model_validator

from .bounds import Bounded


class Options(Bounded):
    """Base of every section of options: an unknown key is an error, and values are never changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class OneOf(Options):
    """Base of the sections that `one_of` makes."""

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
        """The key that is written."""
        return next(iter(self.model_fields_set))

    @property
    def options(self) -> Any:
        """The section under the key."""
        return getattr(self, self.kind)


def one_of(name: str, choices: Mapping[str, type[Options]]) -> type[OneOf]:
    """A model of a section that is written as exactly one key out of ``choices``: ``- prune: {steps: 100}``.

    Its instances have ``kind`` (the key) and ``options`` (the section under the key).

    >>> class Sine(Options):
    ...     hertz: float
    >>> tone = one_of("Tone", {"sine": Sine}).model_validate({"sine": {"hertz": 440}})
    >>> tone.kind, tone.options.hertz
    ('sine', 440.0)

    Args:
        name: The name of the model.
        choices: The model of the section under each key.
    """
    fields: dict[str, Any] = {key: (model | None, None) for key, model in choices.items()}
    return create_model(name, __base__=OneOf, **fields)

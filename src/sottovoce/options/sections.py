"""Sections of options as strict pydantic models, and sections that are written as exactly one key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import ConfigDict, create_model, model_serializer, model_validator

from .bounds import Bounded


class Options(Bounded):
    """Base of every section of options: an unknown key is an error, and values are never changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


Section = TypeVar("Section")


class OneOf(Options, Generic[Section]):
    """Base of the sections that `one_of` completes; ``OneOf[Section]`` says what the chosen sections have in common."""

    faults: ClassVar[Mapping[str, Exception]] = MappingProxyType({})
    """Why some keys cannot be chosen."""

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, data: Any) -> Any:
        # `- slim` alone reads naturally; an empty section has all its defaults.
        if isinstance(data, str):
            data = {data: {}}
        if not isinstance(data, dict):
            return data
        for key in data:
            if key in cls.faults:
                raise ValueError(str(cls.faults[key]))
        return {key: {} if value is None else value for key, value in data.items()}

    @model_validator(mode="after")
    def _exactly_one(self) -> OneOf[Section]:
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
    def options(self) -> Section:
        """The section under the key."""
        return getattr(self, self.kind)


Chosen = TypeVar("Chosen", bound=OneOf[Any])


def one_of(
    choices: Mapping[str, type], faults: Mapping[str, Exception] = MappingProxyType({})
) -> Callable[[type[Chosen]], type[Chosen]]:
    """Complete a section that is written as exactly one key out of ``choices``: ``- prune: {steps: 100}``.

    Its instances have ``kind`` (the key) and ``options`` (the section under the key).

    >>> class Sine(Options):
    ...     hertz: float
    >>> @one_of({"sine": Sine})
    ... class Tone(OneOf[Sine]):
    ...     pass
    >>> tone = Tone.model_validate({"sine": {"hertz": 440}})
    >>> tone.kind, tone.options.hertz
    ('sine', 440.0)

    Args:
        choices: The model of the section under each key.
        faults: Why further keys cannot be chosen, for example because the package that declares one is broken.
    """
    fields: dict[str, Any] = {key: (model | None, None) for key, model in choices.items()}

    def complete(section: type[Chosen]) -> type[Chosen]:
        made = create_model(
            section.__name__, __base__=section, __doc__=section.__doc__, __module__=section.__module__, **fields
        )
        made.faults = faults
        return made

    return complete

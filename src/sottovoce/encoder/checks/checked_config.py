"""The base of our configs, which refuses any field or value that it does not know."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from transformers import PreTrainedConfig

from ...errors import CheckpointError
from ...text.suggestions import did_you_mean
from .config_rules import COMMON
from .values import check, short


class CheckedConfig(PreTrainedConfig):
    """A `PreTrainedConfig` that has only the fields of its constructor and those of every config of Transformers.

    Raises:
        CheckpointError: a field of another name, or a value that a common field cannot have.
    """

    optional: ClassVar[tuple[str, ...]] = ()
    """Fields that a file may leave out."""

    def __init__(self, **common: Any):
        for name, value in common.items():
            if name not in COMMON:
                raise CheckpointError(
                    f"config: {short(name)} is unknown; {did_you_mean(str(name), (*self.field_names(), *COMMON))}"
                )
            check({name: value}, COMMON)
        try:
            super().__init__(**common)
        except (TypeError, ValueError, AttributeError) as error:  # such as an ``id2label`` with keys that are words
            raise CheckpointError(f"config: {' '.join(str(error).split())}") from error

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        """The names of its own fields, which are the arguments of its constructor."""
        every = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return tuple(each.name for each in every if each.kind is not each.VAR_KEYWORD)

    @classmethod
    def from_dict(cls, config_dict: dict[str, object], **kwargs: Any) -> Self:
        """As in Transformers, but fields that keywords change are checked as if they were in ``config_dict``."""
        changes = {name: kwargs.pop(name) for name in cls.changeable() if name in kwargs}
        if kwargs.get("attn_implementation") not in (None, "sdpa"):
            raise TypeError(
                f"attn_implementation is {kwargs['attn_implementation']!r}; only torch's fused attention is"
                " supported; give 'sdpa'"
            )
        kept = {name: kwargs.pop(name) for name in tuple(kwargs) if name in SHAPING}
        made = super().from_dict(cls.changed(config_dict, changes), **kwargs)
        if not kwargs.get("return_unused_kwargs"):
            return made
        config, unused = made
        return config, {**unused, **kept}  # type: ignore[return-value]  # as in Transformers

    @classmethod
    def changeable(cls) -> tuple[str, ...]:
        """Names of the fields that keywords of ``from_pretrained`` may change."""
        return cls.field_names()

    @classmethod
    def changed(cls, fields: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
        """The fields of a config with some of them changed."""
        return {**fields, **changes}

    @classmethod
    def from_file(cls, fields: Mapping[str, object], name: str) -> Self:
        """The config in a ``config.json``.

        Args:
            fields: content of the file.
            name: name of the model, for messages.

        Raises:
            CheckpointError: a field that is unknown, missing, or has a wrong value.
        """
        if missing := [field for field in cls.field_names() if field not in fields and field not in cls.optional]:
            raise CheckpointError(f"{name}: config.json has no {', '.join(missing)}; copy it again from its source")
        return cls.from_dict(dict(fields))


SHAPING = ("num_labels", "id2label", "label2id", "output_attentions", "output_hidden_states", "problem_type")
"""Common fields that Transformers changes by keyword. In our models they follow from other fields, so they are returned as
unused, and loading refuses them."""

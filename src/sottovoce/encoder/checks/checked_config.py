"""A config that lets nothing pass that it does not know: the base of our own two."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from transformers import PreTrainedConfig

from ...errors import CheckpointError
from ...text.suggestions import did_you_mean
from .config_rules import COMMON
from .values import check, short


class CheckedConfig(PreTrainedConfig):
    """`PreTrainedConfig` with the fields that its constructor names, and those that every config has.

    Raises:
        CheckpointError: a field of another name, or a value that a common field cannot have.
    """

    optional: ClassVar[tuple[str, ...]] = ()
    """Fields that a file leaves out where they say nothing new."""

    def __init__(self, **common: Any):
        for name, value in common.items():
            if name not in COMMON:
                raise CheckpointError(
                    f"config: {short(name)} is unknown; {did_you_mean(str(name), (*self.field_names(), *COMMON))}"
                )
            check({name: value}, COMMON)
        try:
            super().__init__(**common)
        except (TypeError, ValueError, AttributeError) as error:  # names of classes that are no table, and the like
            raise CheckpointError(f"config: {' '.join(str(error).split())}") from error

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        """Names of its own fields, those of its constructor."""
        every = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return tuple(each.name for each in every if each.kind is not each.VAR_KEYWORD)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """As in Transformers, but what is changed by a keyword is checked as if it had stood in ``config_dict``."""
        changes = {name: kwargs.pop(name) for name in cls.changeable() if name in kwargs}
        if kwargs.get("attn_implementation") not in (None, "sdpa"):
            raise TypeError(
                f"attn_implementation is {kwargs['attn_implementation']!r}; the encoder has torch's fused attention ('sdpa')"
                " and no other"
            )
        kept = {name: kwargs.pop(name) for name in tuple(kwargs) if name in SHAPING}
        made = super().from_dict(cls.changed(config_dict, changes), **kwargs)
        if not kwargs.get("return_unused_kwargs"):
            return made
        config, unused = made
        return config, {**unused, **kept}

    @classmethod
    def changeable(cls) -> tuple[str, ...]:
        """What a keyword of ``from_pretrained`` may change."""
        return cls.field_names()

    @classmethod
    def changed(cls, fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
        """The content of a config with some of it otherwise."""
        return {**fields, **changes}

    @classmethod
    def from_file(cls, fields: Mapping[str, Any], name: str) -> Any:
        """The config that a ``config.json`` holds.

        Raises:
            CheckpointError: a field that is unknown, missing or not what it must be; it names the model.
        """
        if missing := [field for field in cls.field_names() if field not in fields and field not in cls.optional]:
            raise CheckpointError(f"{name}: config.json has no {', '.join(missing)}; copy it again from its source")
        return cls.from_dict(dict(fields))


SHAPING = ("num_labels", "id2label", "label2id", "output_attentions", "output_hidden_states", "problem_type")
"""Common fields that Transformers would change by keyword; of our models they follow from the rest, so that whoever loads
the model is told."""

"""A family of stock Transformers models: how its config and its tensors map to ours, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from transformers import PreTrainedConfig

from sottovoce.encoder.config import EncoderConfig, Shape
from sottovoce.errors import CheckpointError

from .key_map import KeyMap

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ACTIVATIONS = ("gelu", "relu", "swish", "silu")


@dataclass(frozen=True)
class Family:
    """One stock model type.

    Args:
        name: name of the family in `EncoderConfig`, and of the attribute that holds the encoder in classes with a head.
        config, model: names of the stock classes: in Transformers, or with their module, as in ``my_package.nets:MyNet``.
        shape: our shape of a stock config.
        table: the map of tensor names, from our config.
        renamed: field of the stock config -> the same field of ours.
        fields: further fields of our config, from the stock config.
        sizes: further fields of the stock config, from our config; it raises for a shape that is not `uniform`.
        supported: field of the stock config -> the values of it that are supported.
        normalized: whether waveforms are normalized, from the stock config; used where no preprocessor config says it.
        filterbank: whether the network takes mel features instead of a waveform.
        published: hub id of a published encoder -> fields of its stock config that differ from the defaults.
    """

    name: str
    config: str
    model: str
    shape: Callable[[PreTrainedConfig], Shape]
    table: Callable[[EncoderConfig], KeyMap]
    renamed: Mapping[str, str]
    fields: Callable[[PreTrainedConfig], dict[str, object]]
    sizes: Callable[[EncoderConfig], dict[str, object]]
    supported: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    normalized: Callable[[PreTrainedConfig], bool] = lambda stock: True
    filterbank: bool = False
    published: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def config_class(self) -> type[PreTrainedConfig]:
        """The stock class of the config."""
        return _class(self.config)

    @property
    def model_class(self) -> type[PreTrainedModel]:
        """The stock class of the model without a head."""
        return _class(self.model)

    @property
    def model_type(self) -> str:
        """The ``model_type`` in the stock config."""
        return self.config_class.model_type

    def encoder_config(self, stock: PreTrainedConfig, name: str, *, normalize: bool) -> EncoderConfig:
        """Our config for a stock config.

        Args:
            stock: the stock config.
            name: name of the checkpoint, for messages.
            normalize: whether waveforms are normalized.

        Raises:
            CheckpointError: a value of the stock config is not supported.
        """
        for key, allowed in self.supported.items():
            if (value := getattr(stock, key, allowed[0])) not in allowed:
                choices = " or ".join(repr(a) for a in allowed)
                raise CheckpointError(f"{name}: {key}={value!r} of {self.model_type} is not supported, only {choices}")
        renamed: dict[str, Any] = {ours: getattr(stock, theirs) for theirs, ours in self.renamed.items()}
        try:
            config = EncoderConfig(
                family=self.name, shape=self.shape(stock), normalize=normalize, **(renamed | self.fields(stock))
            )
        except (TypeError, ValueError, ZeroDivisionError) as error:
            # Stock configs accept values of any type, so the arithmetic on them may fail.
            raise CheckpointError(
                f"{name}: the config of this {self.model_type} has values that do not fit: {error}"
            ) from None
        covered = {*self.renamed, *self.sizes(config), *FORGOTTEN}
        config.stock = {key: value for key, value in stock.to_diff_dict().items() if key not in covered}
        return config

    def stock_config(self, config: EncoderConfig) -> PreTrainedConfig:
        """The stock config of our ``config``. What ours lacks is taken from the stock config that it was read from, if any."""
        fields: dict[str, Any] = dict(config.stock or {}) if config.family == self.name else {}
        fields |= {theirs: getattr(config, ours) for theirs, ours in self.renamed.items()}
        return self.config_class(**(fields | self.sizes(config)))


def _class(name: str) -> Any:
    return resolve_name(name if ":" in name else f"transformers:{name}")


# Fields about heads, files and versions, which do not describe the encoder.
FORGOTTEN = (
    "_name_or_path",
    "_attn_implementation_autoset",
    "architectures",
    "dtype",
    "id2label",
    "label2id",
    "model_type",
    "torch_dtype",
    "transformers_version",
)

"""What a family of stock Transformers models is: its config and its tensors in our words, both ways."""

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
        name: of the family in `EncoderConfig`, and of the attribute under which head classes hold the encoder.
        config, model: names of the stock classes: in Transformers, or with their module, as in ``my_package.nets:MyNet``.
        shape: the shape of a stock config.
        table: its tensors, given our config.
        renamed: fields of the stock config and what they are called here.
        fields: further fields of ours, computed from the stock config.
        sizes: the remaining fields of the stock config that matter, from ours (raises where a shape is not `uniform`).
        supported: fields of the stock config that are not free here, and the values they may have.
        normalized: whether waveforms are to be normalized where no preprocessor config says so.
        filterbank: whether the network takes mel features instead of a waveform.
        published: hub id of a published encoder -> fields of its stock config that differ from the defaults.
    """

    name: str
    config: str
    model: str
    shape: Callable[[Any], Shape]
    table: Callable[[EncoderConfig], KeyMap]
    renamed: Mapping[str, str]
    fields: Callable[[Any], dict[str, Any]]
    sizes: Callable[[EncoderConfig], dict[str, Any]]
    supported: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    normalized: Callable[[Any], bool] = lambda stock: True
    filterbank: bool = False
    published: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def config_class(self) -> type[PreTrainedConfig]:
        return _class(self.config)

    @property
    def model_class(self) -> type[PreTrainedModel]:
        return _class(self.model)

    @property
    def model_type(self) -> str:
        return self.config_class.model_type

    def encoder_config(self, stock: PreTrainedConfig, name: str, *, normalize: bool) -> EncoderConfig:
        """Our config of a stock one.

        Raises:
            CheckpointError: the stock config asks for something that is not supported; named.
        """
        for key, allowed in self.supported.items():
            if (value := getattr(stock, key, allowed[0])) not in allowed:
                choices = " or ".join(repr(a) for a in allowed)
                raise CheckpointError(f"{name}: {key}={value!r} of {self.model_type} is not supported, only {choices}")
        renamed = {ours: getattr(stock, theirs) for theirs, ours in self.renamed.items()}
        try:
            config = EncoderConfig(
                family=self.name, shape=self.shape(stock), normalize=normalize, **renamed, **self.fields(stock)
            )
        except (TypeError, ValueError, ZeroDivisionError) as error:
            # Stock configs keep what they are given: any value of any type is computed with here.
            raise CheckpointError(f"{name}: the config of this {self.model_type} makes no sense: {error}") from None
        said = {*self.renamed, *self.sizes(config), *FORGOTTEN}
        config.stock = {key: value for key, value in stock.to_diff_dict().items() if key not in said}
        return config

    def stock_config(self, config: EncoderConfig) -> PreTrainedConfig:
        """The stock config of ours; what it says beyond ours comes from the stock config that ours once came from."""
        fields = dict(config.stock or {}) if config.family == self.name else {}
        fields |= {theirs: getattr(config, ours) for theirs, ours in self.renamed.items()}
        return self.config_class(**(fields | self.sizes(config)))


def _class(name: str) -> Any:
    return resolve_name(name if ":" in name else f"transformers:{name}")


# Says nothing about the encoder: heads, files, versions.
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

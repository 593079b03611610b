"""Stock Transformers checkpoints of any head class: finds the encoder inside and names the tensors that are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor
from transformers import PreTrainedConfig

from sottovoce.encoder.checks.config_rules import COMMON
from sottovoce.encoder.checks.values import check
from sottovoce.encoder.config import EncoderConfig
from sottovoce.errors import CheckpointError

from ..families.family import Family
from ..families.key_map import to_ours
from .weight_norm import fold

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Loaded = tuple[EncoderConfig, dict[str, Tensor], list[str]]

ANCHOR = "feature_projection.projection.weight"
"""Every family has exactly one tensor with this ending; the part of its name before it is the path of the encoder."""

HEADS = (
    "classifier",
    "label_embeddings_concat",
    "layer_norm_for_extract",
    "layer_weights",
    "lm_head",
    "objective",
    "project_hid",
    "project_q",
    "projector",
    "quantizer",
    "speaker_proj",
    "tdnn",
)
"""Names of modules of stock heads, which are left out if the encoder beside them has no prefix."""


def stock_config(family: Family, fields: dict[str, object], name: str) -> PreTrainedConfig:
    """The stock config of a ``config.json``.

    Args:
        family: the family of the model.
        fields: content of the file.
        name: name of the checkpoint, for messages.

    Raises:
        CheckpointError: the stock class does not accept it.
    """
    # The stock class builds a table of labels from `num_labels` before it checks anything.
    check({"num_labels": fields.get("num_labels")}, COMMON, f"{name}: config.json")
    try:
        return family.config_class.from_dict(fields)
    except Exception as error:  # the validation of the stock class may raise any exception
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{name}: config.json is no valid {family.model_type} config: {reason}") from None


def head_tensors(tensors: Mapping[str, Tensor], family: Family, name: str) -> dict[str, Tensor]:
    """The tensors of a model that are not part of its encoder, which are mostly those of its head."""
    prefix = encoder_prefix(tensors, family, name)
    if prefix:
        return {k: v for k, v in tensors.items() if not k.startswith(prefix)}
    return {k: v for k, v in tensors.items() if k.split(".")[0] in HEADS}


def convert(family: Family, config: EncoderConfig, tensors: Mapping[str, Tensor], name: str) -> Loaded:
    """Our config and weights, and a note on the tensors that were left out.

    Args:
        family: the family of the model.
        config: our config of the encoder.
        tensors: the stock tensors by name.
        name: name of the checkpoint, for messages.

    Raises:
        CheckpointError: tensors that are missing, left over or misshapen.
    """
    prefix, outside = encoder_prefix(tensors, family, name), head_tensors(tensors, family, name)
    inside = {k.removeprefix(prefix): v for k, v in tensors.items() if k not in outside}
    weights, unused = to_ours(config, fold(inside), family.table(config), name)
    parts = sorted({k.split(".")[0] for k in outside} | {".".join(k.split(".")[:2]) for k in unused})
    notes = [f"{name}: left out, not part of the encoder: {', '.join(parts)}"] if parts else []
    return config, weights, notes


def encoder_prefix(tensors: Mapping[str, Tensor], family: Family, name: str) -> str:
    """The path of the encoder inside a model with a head: ``"wavlm."``, ``""`` for a bare encoder, ...

    Raises:
        CheckpointError: there is no encoder inside, or more than one.
    """
    prefixes = [k.removesuffix(ANCHOR) for k in tensors if k == ANCHOR or k.endswith("." + ANCHOR)]
    if f"{family.name}." in prefixes:
        return f"{family.name}."
    if len(prefixes) != 1:
        held = f"{len(prefixes)} encoders ({', '.join(prefixes)})" if prefixes else "no encoder"
        raise CheckpointError(f"{name}: holds {held}: {len(prefixes)} tensors are called {ANCHOR}, not one")
    return prefixes[0]


def from_transformers(family: Family, model: PreTrainedModel, *, normalize: bool | None = None) -> Loaded:
    """Our config, weights and notes of a stock model in memory.

    Args:
        family: the family of the model.
        model: the stock model.
        normalize: whether waveforms are normalized first; default: as usual for the family.

    Raises:
        CheckpointError: parts that are not supported, or tensors that do not fit.
    """
    if normalize is None:
        normalize = family.normalized(model.config)
    name = type(model).__name__
    config = family.encoder_config(model.config, name, normalize=normalize)
    return convert(family, config, model.state_dict(), name)

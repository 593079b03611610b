"""An encoder as a stock Transformers model, if the stock class can have its shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sottovoce.encoder.config import EncoderConfig
from sottovoce.encoder.loading.pretrained import mismatch_error
from sottovoce.errors import CheckpointError

from .families.family import Family
from .families.known import FAMILIES
from .formats.weight_norm import unfold

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from sottovoce.encoder.network import EncoderNetwork


def to_transformers(encoder: EncoderNetwork) -> PreTrainedModel:
    """The stock model that computes the same as ``encoder``, in evaluation mode.

    Tensors that only the stock class has are zero: the vector for masked frames, and the positional convolution that
    Conformers have but do not compute.

    Args:
        encoder: an encoder of a known family.

    Raises:
        CheckpointError: the stock class cannot have the shape or the parts of this encoder; the message says which.
    """
    config = encoder.config
    if config.family not in FAMILIES:
        raise CheckpointError(f"no stock class is known for the family {config.family!r}")
    family = FAMILIES[config.family]
    stock_config = family.stock_config(config)
    _check_parts(config, family.encoder_config(stock_config, family.model, normalize=config.normalize), family)
    model = family.model_class(stock_config)
    table = family.table(config)
    weights: dict[str, Tensor] = {}
    for ours, tensor in encoder.state_dict().items():
        if found := table.theirs(ours):
            theirs, row = found
            weights[theirs] = row.to_theirs(tensor.detach())
        elif ours not in table.constants:
            raise CheckpointError(f"the stock class {family.model} has no place for {ours}")
        elif not torch.equal(tensor, torch.full_like(tensor, table.constants[ours])):
            raise CheckpointError(f"the stock class {family.model} cannot express {ours}: soft gates were kept there")
    own = model.state_dict()
    weights = unfold(weights, own)
    for name, tensor in own.items():
        if name not in weights and table.is_unused(name):
            weights[name] = tensor if name.endswith("inv_freq") else torch.zeros_like(tensor)
    if error := mismatch_error(family.model, *_differences(weights, own)):
        raise error
    model.load_state_dict(weights)
    return model.to(encoder.dtype).eval()  # type: ignore[arg-type]


def _differences(weights: dict[str, Tensor], own: dict[str, Tensor]) -> tuple[list[str], list[str], list[str]]:
    """Names of tensors that are missing, left over and misshapen."""
    misshapen = [
        f"{k} {tuple(weights[k].shape)} instead of {tuple(own[k].shape)}"
        for k in own
        if k in weights and weights[k].shape != own[k].shape
    ]
    return [k for k in own if k not in weights], [k for k in weights if k not in own], misshapen


# Fields that are not compared: they do not change the function of the encoder, or have been checked before (the shape).
INCIDENTAL = (
    "family",
    "shape",
    "original_shape",
    "stock",
    "origin",
    "_name_or_path",
    "attention_heads",
    "transformers_version",
    "dtype",
    "architectures",
)


def _check_parts(config: EncoderConfig, possible: EncoderConfig, family: Family) -> None:
    """Refuse a config with parts that the stock class cannot have.

    Args:
        config: the config of the encoder.
        possible: our config of the stock config that was made from ``config``.
        family: the family.

    Raises:
        CheckpointError: the two differ in a part.
    """
    wanted, got = config.to_dict(), possible.to_dict()
    for key in got:
        if key not in INCIDENTAL and wanted.get(key) != got[key]:
            raise CheckpointError(
                f"the stock class {family.model} cannot express {key}={wanted.get(key)!r}, only {got[key]!r}"
            )

"""Back ends of WeDefense as embedding heads of ours (wedefense/models/ssl_backend)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from sottovoce.encoder.config import EncoderConfig
from sottovoce.errors import CheckpointError

from ..families.key_map import KeyMap, KeyRule, renamed
from .aasist import gathered
from .aasist_names import their_names

Tensors = Mapping[str, Tensor]

PROJECTION = (KeyRule("projection.trans.0.*", "head.norm.*"), KeyRule("projection.trans.2.*", "head.*"))


@dataclass(frozen=True)
class BackEnd:
    """How to read one of their back ends.

    Args:
        options: the options of our classifier that it decides, from its tensors, the config of the encoder, and the name of
            the file for messages.
        weights: our weights of the head, from their names and shapes, its tensors, and the name of the file.
    """

    options: Callable[[Tensors, EncoderConfig, str], dict[str, object]]
    weights: Callable[[Tensors, Tensors, str], dict[str, Tensor]]


def back_end_of(settings: Mapping[str, object], config: Path) -> BackEnd:
    """The reader of the back end that a ``config.yaml`` names.

    Raises:
        CheckpointError: it cannot be read, or the normalization before it is not supported.
    """
    model, data = settings.get("model"), settings.get("dataset_args")
    if model not in BACK_ENDS:
        raise CheckpointError(f"{config}: the model is {model}; those that can be read are {', '.join(BACK_ENDS)}")
    values = data if isinstance(data, Mapping) else {}
    normed = values.get("cmvn_args")
    wanted = {"norm_mean": True, "norm_var": False}
    if values.get("cmvn", True) is not True or {**wanted, **(normed if isinstance(normed, Mapping) else {})} != wanted:
        raise CheckpointError(f"{config}: cmvn is not subtraction of the mean alone, which all published models have")
    return BACK_ENDS[str(model)]


def _mhfa(tensors: Tensors, encoder: EncoderConfig, name: str) -> dict[str, object]:
    for key in ("weights_k", "cmp_linear_k.weight", "att_head.weight", "pooling_fc.weight"):
        if key not in tensors:
            raise CheckpointError(f"{name}: no {key} in it, which its back end has; copy it again from its source")
    if len(tensors["weights_k"]) != encoder.num_hidden_layers + 1:
        raise CheckpointError(
            f"{name}: the back end is for {len(tensors['weights_k'])} hidden states and the encoder has"
            f" {encoder.num_hidden_layers + 1}"
        )
    embedding = {
        "kind": "mhfa",
        "width": tensors["cmp_linear_k.weight"].shape[0],
        "heads": tensors["att_head.weight"].shape[0],
        "size": tensors["pooling_fc.weight"].shape[0],
    }
    return {"embedding": embedding}


def _mhfa_weights(expected: Tensors, tensors: Tensors, name: str) -> dict[str, Tensor]:
    """With the mean over the channels of a frame, which they subtract before the back end, subtracted by the linear maps.

    They take it over dimension 1 of ``[B, D, T, L]`` (dataset_utils.py: apply_cmvn), and weights of layers sum to 1.
    """
    maps = ("cmp_linear_k.weight", "cmp_linear_v.weight")
    centered = {key: tensors[key] - tensors[key].mean(1, keepdim=True) for key in maps}
    return renamed(expected, {**tensors, **centered}, MHFA, name)[0]


MHFA = KeyMap(
    (
        KeyRule("weights_k", "head.embedding.key_weights"),
        KeyRule("weights_v", "head.embedding.value_weights"),
        KeyRule("cmp_linear_k.*", "head.embedding.keys.*"),
        KeyRule("cmp_linear_v.*", "head.embedding.values.*"),
        KeyRule("att_head.*", "head.embedding.attention.*"),
        KeyRule("pooling_fc.*", "head.embedding.project.*"),
        *PROJECTION,
    )
)

AASIST_BLOCKS = 6
AASIST_MODULES = {
    "fusion": "frontend.featurizer",
    "project": "LL",
    "norm": "first_bn",
    "map_norm": "first_bn1",
    "places.0": "attention.0",
    "places_norm": "attention.2",
    "places.1": "attention.3",
    "output": "out_layer",
}
"""Modules of our head outside its graphs and residual blocks -> theirs."""


def _aasist(tensors: Tensors, encoder: EncoderConfig, name: str) -> dict[str, object]:
    blocks = [f"encoder.{i}.0.conv1.weight" for i in range(AASIST_BLOCKS)]
    for key in ("LL.weight", "out_layer.weight", "frontend.featurizer.weights", *blocks):
        if key not in tensors:
            raise CheckpointError(f"{name}: no {key} in it, which its back end has; copy it again from its source")
    embedding = {
        "kind": "aasist",
        "bands": tensors["LL.weight"].shape[0],
        "channels": [tensors[key].shape[0] for key in blocks],
        "width": tensors["out_layer.weight"].shape[1] // 5,
        "size": tensors["out_layer.weight"].shape[0],
        "fusion": {"kind": "sum", "normalize": "mean"},
    }
    return {"embedding": embedding}


def _aasist_weights(expected: Tensors, tensors: Tensors, name: str) -> dict[str, Tensor]:
    return gathered(expected, tensors, _aasist_names, name)


def _aasist_names(ours: str) -> tuple[str, ...]:
    """The names of their tensors that a tensor of our model holds, one after another."""
    inside = ours.removeprefix("head.")
    if inside.startswith("embedding."):
        return their_names(inside.removeprefix("embedding."), AASIST_BLOCKS, AASIST_MODULES)
    return (inside.replace("norm.", "projection.trans.0.") if "norm." in inside else f"projection.trans.2.{inside}",)


BACK_ENDS = {
    "SSL_BACKEND_MHFA": BackEnd(_mhfa, _mhfa_weights),
    "SSL_BACKEND_aasist": BackEnd(_aasist, _aasist_weights),
}
"""Name in ``config.yaml`` -> its reader."""

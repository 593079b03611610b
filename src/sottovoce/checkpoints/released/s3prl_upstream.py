"""Encoders inside models of toolkits that take them from s3prl: ``frontend.upstream.upstream.model`` in their state dict.

The tensors have the names of Microsoft's WavLM. Their config is not in the file, so sizes are read from the tensors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from sottovoce.encoder.checks.values import short
from sottovoce.errors import CheckpointError

from ..formats import original_wavlm
from ..formats.stock import Loaded

INSIDE = "upstream.model."
PREFIX = f"frontend.upstream.{INSIDE}"
STRIDES = (5, 2, 2, 2, 2, 2, 2)
"""Of the convolutions of every published encoder."""


def check_reading(front: Mapping[str, object], upstream: object, all_states: bool, config: Path) -> None:
    """Refuse settings under which the back end reads something else than all hidden states as they are.

    No tensor shows them: the weights of a sum are in the file even where the toolkit takes the last hidden state alone.

    Args:
        front: the settings of the toolkit's front end.
        upstream: the settings of s3prl's encoder in them.
        all_states: whether the toolkit reads all hidden states.
        config: the file, for messages.

    Raises:
        CheckpointError: the last or one hidden state is read, or they are normalized or repeated.
    """
    inside = upstream if isinstance(upstream, Mapping) else {}
    faults = {
        "layer": None if front.get("layer", -1) == -1 else front["layer"],
        "multilayer_feature": None if all_states else False,
        "normalize": inside.get("normalize") or None,
        "tile_factor": None if inside.get("tile_factor", 1) == 1 else inside["tile_factor"],
        "extra_conf": inside.get("extra_conf") or None,
    }
    for name, value in faults.items():
        if value is not None:
            raise CheckpointError(
                f"{config}: {name} of its s3prl front end is {short(value)}; the models that can be read take all hidden"
                " states as they are"
            )


def upstream_of(tensors: Mapping[str, Tensor], name: str) -> Loaded:
    """Our config, weights and notes of the encoder.

    Args:
        tensors: the tensors of the model under ``frontend.upstream``.
        name: name of the file, for messages.

    Raises:
        CheckpointError: there is no such encoder, it is of another kind than WavLM, or its tensors do not fit together.
    """
    inside = {key.removeprefix(INSIDE): tensor for key, tensor in tensors.items() if key.startswith(INSIDE)}
    if len(inside) < len(tensors) or not inside:
        raise CheckpointError(
            f"{name}: no {PREFIX[:-1]} in it; the models that can be read have an encoder from s3prl there"
        )
    settings = published_settings(inside, name)
    inside.pop("mask_emb", None)  # of masked pre-training alone
    config, weights, notes = original_wavlm.load({"cfg": settings, "model": inside}, name)
    config.s3prl_states = True
    return config, weights, notes


def published_settings(tensors: Mapping[str, Tensor], name: str) -> dict[str, object]:
    """The ``cfg`` of a WavLM, whose sizes are those of its tensors.

    What they do not show follows from the norms of the convolutions, which only the Large networks have: layers with the norm
    before each block, and normalized waveforms.

    Args:
        tensors: the tensors of the encoder.
        name: name of the file, for messages.

    Raises:
        CheckpointError: it is no WavLM.
    """
    layers = len({found[1] for key in tensors if (found := re.match(r"encoder\.layers\.(\d+)\.", key))})
    try:
        width = tensors["post_extract_proj.weight"].shape[0]
        gates = tensors["encoder.layers.0.self_attn.grep_a"]
        buckets = tensors["encoder.layers.0.self_attn.relative_attention_bias.weight"].shape[0]
        convolutions = [tensors[f"feature_extractor.conv_layers.{i}.0.weight"].shape for i in range(len(STRIDES))]
        units = tensors["encoder.layers.0.fc1.weight"].shape[0]
        taps = tensors["encoder.pos_conv.0.weight_g"].shape[-1]
        inside = tensors["encoder.pos_conv.0.weight_v"].shape[1]
    except KeyError as error:
        raise CheckpointError(
            f"{name}: no {PREFIX}{error.args[0]} in it; of the encoders of s3prl only WavLM can be read"
        ) from None
    large = "feature_extractor.conv_layers.1.2.1.weight" in tensors
    return {
        "extractor_mode": "layer_norm" if large else "default",
        "encoder_layers": layers,
        "encoder_embed_dim": width,
        "encoder_ffn_embed_dim": units,
        "encoder_attention_heads": gates.numel(),
        "layer_norm_first": large,
        "conv_feature_layers": [
            (shape[0], shape[2], stride) for shape, stride in zip(convolutions, STRIDES, strict=True)
        ],
        "conv_bias": "feature_extractor.conv_layers.0.0.bias" in tensors,
        "normalize": large,
        "conv_pos": taps,
        "conv_pos_groups": width // inside,
        "relative_position_embedding": True,
        "num_buckets": buckets,
        "max_distance": 800,
        "gru_rel_pos": True,
    }

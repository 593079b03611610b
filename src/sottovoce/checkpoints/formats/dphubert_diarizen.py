"""Pruned encoders of DPHuBERT (Peng et al. 2023) and DiariZen (Han et al. 2025): ``{"state_dict": .., "config": ..}``.

The names are those of torchaudio; the config lists the widths of every layer. Three things are special:

* the soft gates of the last convolution are a factor between its activation and the projection's norm
  (``dummy_weight``), where they cannot be folded into weights; it becomes our ``channel_scale``;
* WavLM's gate constants and bias table have all original heads, and the config says which of them are used;
* where the attention of the first layer was removed, the bias table was removed with it, and no layer has a bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from sottovoce.encoder.checks.config_rules import WIDTHS
from sottovoce.encoder.checks.values import check, several
from sottovoce.encoder.config import EncoderConfig, Shape, uniform_shape
from sottovoce.errors import CheckpointError

from ..families.key_map import KeyMap, KeyRule, to_ours
from .stock import Loaded
from .tensors import only_tensors
from .weight_norm import fold

KEYS = frozenset({"state_dict", "config"})

MODES = {"group_norm": "group", "layer_norm": "layer"}
TABLE = "encoder.transformer.layers.0.attention.rel_attn_embed.weight"
SCALE = "feature_extractor.dummy_weight"


def load(content: Mapping[str, object], name: str) -> Loaded:
    """Our config, weights and notes of a file's content.

    Args:
        content: what the file holds.
        name: name of the file, for messages.

    Raises:
        CheckpointError: a config that is not supported, or tensors that are missing, left over or misshapen.
    """
    tensors = fold(only_tensors(content["state_dict"], name))
    config = encoder_config(content["config"], name)
    if (scale := tensors.get(SCALE)) is not None and torch.equal(scale, torch.ones_like(scale)):
        del tensors[SCALE]
    config.channel_scale = SCALE in tensors
    if config.position == "gated_relative_bias":
        _keep_heads(config, tensors, name)
    if TABLE not in tensors and config.shape["layers"][0]["attention"] is None:
        tensors[TABLE] = torch.zeros(config.num_buckets, config.attention_heads)
    weights, unused = to_ours(config, tensors, table(config), name)
    parts = sorted({key.split(".")[0] for key in unused if not key.endswith(("layer_norm.weight", "layer_norm.bias"))})
    return config, weights, [f"{name}: left out, not part of the encoder: {', '.join(parts)}"] if parts else []


def _keep_heads(config: EncoderConfig, tensors: dict[str, Tensor], name: str) -> None:
    """Select the constants of the kept heads from those of all heads."""
    for i, layer in enumerate(config.shape["layers"]):
        key = f"encoder.transformer.layers.{i}.attention.gru_rel_pos_const"
        if layer["attention"] is not None and key in tensors:
            if tensors[key].numel() != config.attention_heads:
                shape = tuple(tensors[key].shape)
                raise CheckpointError(f"{name}: {key} is {shape}, for {config.attention_heads} original heads")
            tensors[key] = tensors[key].flatten()[layer["attention"]["heads"]]


def encoder_config(fields: object, name: str) -> EncoderConfig:
    """Our config for the config in such a file.

    Args:
        fields: the config in the file.
        name: name of the file, for messages.

    Raises:
        CheckpointError: entries that are missing, wrong, or contradict one another.
    """
    try:
        return _encoder_config(dict(fields))  # type: ignore[call-overload]  # what is no mapping raises an error below
    except KeyError as error:
        raise CheckpointError(f"{name}: its config has no {error.args[0]}") from None
    except (TypeError, ValueError, IndexError, ZeroDivisionError, AttributeError) as error:
        # The file may hold values of any type, so the arithmetic on them may fail.
        raise CheckpointError(f"{name}: its config has values that do not fit: {error}") from None


def _encoder_config(c: Mapping[str, Any]) -> EncoderConfig:
    wavlm = "encoder_remaining_heads" in c
    check(
        {"encoder_num_heads": c.get("encoder_num_heads", [])}, {"encoder_num_heads": several(WIDTHS["heads"])}, "config"
    )
    hidden, layers = c["encoder_embed_dim"], c["encoder_num_layers"]
    convs = c["extractor_conv_layer_config"] or [(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512, 2, 2)] * 2
    if wavlm:
        total, *others = sorted(set(c["encoder_total_num_heads"]))
        head_dim, heads = hidden // total, [list(kept) for kept in c["encoder_remaining_heads"]]
        if others or any(head not in range(total) for kept in heads for head in kept):
            raise ValueError(f"encoder_remaining_heads names heads beyond the {total} of every layer")
    else:
        head_dim, heads = c["encoder_head_dim"], [list(range(n)) for n in c["encoder_num_heads"]]
        total = hidden // head_dim
    shape = uniform_shape(
        hidden_size=hidden,
        layers=0,
        conv_channels=[channels for channels, _, _ in convs],
        positional_groups=c["encoder_pos_conv_groups"],
        positional_taps=[c["encoder_pos_conv_kernel"]],
    )
    ffn = c["encoder_ff_interm_features"]
    for key, entries in (("heads", heads), ("encoder_ff_interm_features", ffn)):
        if len(entries) != layers:
            raise ValueError(f"{len(entries)} entries in {key} for {layers} layers")
    shape["layers"] = [
        _layer(h if attention else None, f if feed_forward else None)
        for attention, h, feed_forward, f in zip(
            c["encoder_use_attention"], heads, c["encoder_use_feed_forward"], ffn, strict=True
        )
    ]
    pre_norm = c["encoder_layer_norm_first"]
    return EncoderConfig(
        family="wavlm" if wavlm else "hubert",
        shape=shape,
        original_shape=_original(shape, total, head_dim),
        normalize=bool(c["normalize_waveform"]),
        normalize_eps=1e-5,  # theirs is `torch.nn.functional.layer_norm` over the samples
        conv_kernel=[kernel for _, kernel, _ in convs],
        conv_stride=[stride for _, _, stride in convs],
        conv_bias=c["extractor_conv_bias"],
        conv_norm=MODES.get(c["extractor_mode"], c["extractor_mode"]),
        layer="pre_norm" if pre_norm else "post_norm",
        final_norm=pre_norm,
        position="gated_relative_bias" if wavlm else "none",
        head_dim=head_dim,
        attention_heads=total,
        num_buckets=c.get("encoder_num_buckets", 320),
        max_distance=c.get("encoder_max_distance", 800),
        dropout=c["encoder_dropout"],
        attention_dropout=c["encoder_attention_dropout"],
        activation_dropout=c["encoder_ff_interm_dropout"],
        projection_dropout=c["encoder_projection_dropout"],
        layerdrop=c["encoder_layer_drop"],
    )


def _layer(heads: list[int] | None, ffn: int | None) -> Shape:
    return {
        "attention": None if heads is None else {"heads": heads},
        "feed_forward": None if ffn is None else {"units": ffn},
    }


def _original(shape: Shape, heads: int, head_dim: int) -> Shape:
    """The shape before pruning. The file does not have it, so it is that of the published network of this width."""
    hidden = heads * head_dim
    return uniform_shape(
        hidden_size=hidden,
        layers=len(shape["layers"]),
        heads=heads,
        ffn=max([4 * hidden, *(layer["feed_forward"]["units"] for layer in shape["layers"] if layer["feed_forward"])]),
        conv_channels=[max(512, channels) for channels in shape["frontend"]["channels"]],
        positional_groups=len(shape["positional"]["groups"]),
        positional_taps=shape["positional"]["taps"],
    )


def table(config: EncoderConfig) -> KeyMap:
    """The map of tensor names."""
    layer = "encoder.transformer.layers.{i}"
    attention = [
        KeyRule(f"{layer}.attention.{m}_proj.*", f"layers.{{i}}.attention.{m}.*") for m in ("q", "k", "v", "out")
    ]
    # With pre-norm layers, the norm before a removed block is never computed.
    idle = []
    if config.layer == "pre_norm":
        for i, entry in enumerate(config.shape["layers"]):
            idle += [f"encoder.transformer.layers.{i}.layer_norm.*"] if entry["attention"] is None else []
            idle += [f"encoder.transformer.layers.{i}.final_layer_norm.*"] if entry["feed_forward"] is None else []
    return KeyMap(
        rows=(
            KeyRule("feature_extractor.conv_layers.{i}.conv.*", "frontend.conv.{i}.conv.*"),
            KeyRule("feature_extractor.conv_layers.{i}.layer_norm.*", "frontend.conv.{i}.norm.*"),
            KeyRule(SCALE, "frontend.scale"),
            KeyRule("encoder.feature_projection.layer_norm.*", "frontend.projection.norm.*"),
            KeyRule("encoder.feature_projection.projection.*", "frontend.projection.linear.*"),
            KeyRule("encoder.transformer.pos_conv_embed.conv.*", "positional.layers.0.*"),
            KeyRule("encoder.transformer.layer_norm.*", "final_norm.*" if config.final_norm else "input_norm.*"),
            *attention,
            KeyRule(f"{layer}.attention.gru_rel_pos_linear.*", "layers.{i}.attention.position.gate.*"),
            KeyRule(f"{layer}.attention.gru_rel_pos_const", "layers.{i}.attention.position.constant"),
            KeyRule(TABLE, "position.table.weight"),
            KeyRule(f"{layer}.layer_norm.*", "layers.{i}.attention_norm.*"),
            KeyRule(f"{layer}.feed_forward.intermediate_dense.*", "layers.{i}.feed_forward.up.*"),
            KeyRule(f"{layer}.feed_forward.output_dense.*", "layers.{i}.feed_forward.down.*"),
            KeyRule(f"{layer}.final_layer_norm.*", "layers.{i}.feed_forward_norm.*"),
        ),
        unused=("aux.*", *idle),
    )

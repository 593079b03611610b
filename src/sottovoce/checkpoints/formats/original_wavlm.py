"""Microsoft's own WavLM files (``WavLM-Base+.pt``): ``{"cfg": ..., "model": ...}`` with the names of fairseq.

Where waveforms are normalized, the original and s3prl add 1e-5 to their variance, as `torch.nn.functional.layer_norm` does;
the stock classes add 1e-7.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.errors import CheckpointError

from ..families.key_map import KeyMap, KeyRule, per_head, to_ours
from .stock import Loaded
from .tensors import only_tensors
from .weight_norm import fold

# The defaults of the original class.
DEFAULTS: dict[str, object] = {
    "extractor_mode": "default",
    "encoder_layers": 12,
    "encoder_embed_dim": 768,
    "encoder_ffn_embed_dim": 3072,
    "encoder_attention_heads": 12,
    "activation_fn": "gelu",
    "layer_norm_first": False,
    "conv_feature_layers": "[(512,10,5)] + [(512,3,2)] * 4 + [(512,2,2)] * 2",
    "conv_bias": False,
    "normalize": False,
    "dropout": 0.1,
    "attention_dropout": 0.1,
    "activation_dropout": 0.0,
    "encoder_layerdrop": 0.0,
    "dropout_input": 0.0,
    "conv_pos": 128,
    "conv_pos_groups": 16,
    "relative_position_embedding": False,
    "num_buckets": 320,
    "max_distance": 1280,
    "gru_rel_pos": False,
}
KEYS = frozenset({"cfg", "model"})

MODES = {"default": "group", "layer_norm": "layer"}


def load(content: Mapping[str, object], name: str) -> Loaded:
    """Our config, weights and notes of a file's content.

    Args:
        content: what the file holds.
        name: name of the file, for messages.

    Raises:
        CheckpointError: a cfg that is not supported, or tensors that are missing, left over or misshapen.
    """
    config = encoder_config(content["cfg"], name)
    tensors = only_tensors(content["model"], name)
    weights, unused = to_ours(config, fold(tensors), table(config), name)
    return config, weights, [f"{name}: left out, not part of the encoder: {', '.join(unused)}"] if unused else []


def encoder_config(cfg: object, name: str) -> EncoderConfig:
    """Our config for the cfg in such a file.

    Args:
        cfg: the cfg in the file.
        name: name of the file, for messages.

    Raises:
        CheckpointError: a value that is wrong or not supported.
    """
    if not isinstance(cfg, Mapping):
        raise CheckpointError(f"{name}: its cfg is a {type(cfg).__name__}, not a dictionary")
    c = DEFAULTS | dict(cfg)
    convs = conv_layers(c["conv_feature_layers"], name)
    if c["extractor_mode"] not in MODES:
        raise CheckpointError(
            f"{name}: extractor_mode={c['extractor_mode']!r} is not supported, only {', '.join(MODES)}"
        )
    if c["relative_position_embedding"] and not c["gru_rel_pos"]:
        raise CheckpointError(f"{name}: relative_position_embedding without gru_rel_pos is not supported")
    if convs[-1][0] == c["encoder_embed_dim"]:
        raise CheckpointError(f"{name}: no projection (the last convolution is as wide as the stream): not supported")
    try:
        return EncoderConfig(
            family="wavlm",
            shape=uniform_shape(
                hidden_size=c["encoder_embed_dim"],
                layers=c["encoder_layers"],
                heads=c["encoder_attention_heads"],
                ffn=c["encoder_ffn_embed_dim"],
                conv_channels=[channels for channels, _, _ in convs],
                positional_groups=c["conv_pos_groups"],
                positional_taps=[c["conv_pos"]],
            ),
            normalize=bool(c["normalize"]),
            normalize_eps=1e-5,
            conv_kernel=[kernel for _, kernel, _ in convs],
            conv_stride=[stride for _, _, stride in convs],
            conv_bias=c["conv_bias"],
            conv_norm=MODES[c["extractor_mode"]],
            layer="pre_norm" if c["layer_norm_first"] else "post_norm",
            final_norm=c["layer_norm_first"],
            position="gated_relative_bias" if c["relative_position_embedding"] else "none",
            head_dim=c["encoder_embed_dim"] // c["encoder_attention_heads"],
            attention_heads=c["encoder_attention_heads"],
            num_buckets=c["num_buckets"],
            max_distance=c["max_distance"],
            activation=c["activation_fn"],
            dropout=c["dropout"],
            attention_dropout=c["attention_dropout"],
            activation_dropout=c["activation_dropout"],
            projection_dropout=c["dropout_input"],
            layerdrop=c["encoder_layerdrop"],
        )
    except (TypeError, ValueError, ZeroDivisionError) as error:
        # The file may hold values of any type, so the arithmetic on them may fail.
        raise CheckpointError(f"{name}: its cfg has values that do not fit: {error}") from None


MOST = 100
"""Most convolutions that `conv_layers` reads."""


def conv_layers(text: object, name: str) -> list[tuple[int, int, int]]:
    """Channels, kernel and stride of each convolution, from the Python expression in which fairseq writes them.

    Only lists of numbers, ``+`` and ``* number`` are read; nothing is evaluated.

    Args:
        text: the expression, or the list itself.
        name: name of the file, for messages.

    >>> conv_layers("[(512,10,5)] + [(512,3,2)] * 2", "a.pt")
    [(512, 10, 5), (512, 3, 2), (512, 3, 2)]

    Raises:
        CheckpointError: the text is anything else.
    """
    try:
        layers: Any = _value(ast.parse(text, mode="eval").body) if isinstance(text, str) else text
        if layers and all(len(layer) == 3 and all(isinstance(n, int) for n in layer) for layer in layers):
            return [tuple(layer) for layer in layers]
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        # `ast.parse` raises these for text that is not Python, and values of other types do.
        pass
    raise CheckpointError(f"{name}: conv_feature_layers is {text!r}; it must be a list of (channels, kernel, stride)")


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _value(node.left) + _value(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        layers, times = _value(node.left), _value(node.right)
        if not isinstance(layers, list) or not isinstance(times, int) or len(layers) * times > MOST:
            raise ValueError(ast.unparse(node))
        return layers * times
    return ast.literal_eval(node)


def table(config: EncoderConfig) -> KeyMap:
    attention = [KeyRule(f"encoder.layers.{{i}}.self_attn.{m}_proj.*", f"layers.{{i}}.attention.{m}.*") for m in "qkv"]
    return KeyMap(
        rows=(
            KeyRule("feature_extractor.conv_layers.{i}.0.*", "frontend.conv.{i}.conv.*"),
            # Layer norms sit between two transpositions, group norms alone.
            KeyRule(
                f"feature_extractor.conv_layers.{{i}}.2.{'1.' * (config.conv_norm == 'layer')}*",
                "frontend.conv.{i}.norm.*",
            ),
            KeyRule("layer_norm.*", "frontend.projection.norm.*"),
            KeyRule("post_extract_proj.*", "frontend.projection.linear.*"),
            KeyRule("encoder.pos_conv.0.*", "positional.layers.0.*"),
            KeyRule("encoder.layer_norm.*", "final_norm.*" if config.final_norm else "input_norm.*"),
            *attention,
            KeyRule("encoder.layers.{i}.self_attn.out_proj.*", "layers.{i}.attention.out.*"),
            KeyRule("encoder.layers.{i}.self_attn.grep_linear.*", "layers.{i}.attention.position.gate.*"),
            per_head("encoder.layers.{i}.self_attn.grep_a", "layers.{i}.attention.position.constant"),
            KeyRule("encoder.layers.0.self_attn.relative_attention_bias.weight", "position.table.weight"),
            KeyRule("encoder.layers.{i}.self_attn_layer_norm.*", "layers.{i}.attention_norm.*"),
            KeyRule("encoder.layers.{i}.fc1.*", "layers.{i}.feed_forward.up.*"),
            KeyRule("encoder.layers.{i}.fc2.*", "layers.{i}.feed_forward.down.*"),
            KeyRule("encoder.layers.{i}.final_layer_norm.*", "layers.{i}.feed_forward_norm.*"),
        ),
        unused=("mask_emb",),
    )

"""The parts of the Conformer families: their layer, and the position schemes of its attention."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedConfig

from sottovoce.encoder.config import EncoderConfig, Shape

from . import common
from .key_map import KeyRule, pointwise

RENAMED = common.RENAMED | {
    "conformer_conv_dropout": "convolution_dropout",
    "conv_depthwise_kernel_size": "depthwise_kernel",
    "rotary_embedding_base": "rotary_base",
}
SUPPORTED = common.SUPPORTED | {"use_intermediate_ffn_before_adapter": (False,)}


def shape(stock: PreTrainedConfig, conv_channels: Sequence[int] | None) -> Shape:
    return common.shape(stock, conv_channels=conv_channels, positional_groups=None, convolution=stock.hidden_size)


def fields(stock: PreTrainedConfig) -> dict[str, object]:
    return common.fields(stock) | {"layer": "conformer", "position": stock.position_embeddings_type or "none"}


def sizes(config: EncoderConfig) -> dict[str, object]:
    return common.sizes(config) | {
        "position_embeddings_type": None if config.position == "none" else config.position,
    }


def _half(n: int) -> tuple[KeyRule, ...]:
    return (
        KeyRule(f"encoder.layers.{{i}}.ffn{n}_layer_norm.*", f"layers.{{i}}.feed_forward{n}_norm.*"),
        KeyRule(f"encoder.layers.{{i}}.ffn{n}.intermediate_dense.*", f"layers.{{i}}.feed_forward{n}.up.*"),
        KeyRule(f"encoder.layers.{{i}}.ffn{n}.output_dense.*", f"layers.{{i}}.feed_forward{n}.down.*"),
    )


LAYER = (
    *_half(1),
    KeyRule("encoder.layers.{i}.self_attn_layer_norm.*", "layers.{i}.attention_norm.*"),
    *(
        KeyRule(f"encoder.layers.{{i}}.self_attn.linear_{m}.*", f"layers.{{i}}.attention.{m}.*")
        for m in ("q", "k", "v", "out")
    ),
    KeyRule("encoder.layers.{i}.self_attn.linear_pos.weight", "layers.{i}.attention.position.project.weight"),
    KeyRule("encoder.layers.{i}.self_attn.pos_bias_u", "layers.{i}.attention.position.content"),
    KeyRule("encoder.layers.{i}.self_attn.pos_bias_v", "layers.{i}.attention.position.position"),
    KeyRule("encoder.layers.{i}.self_attn.distance_embedding.weight", "layers.{i}.attention.position.distance.weight"),
    KeyRule("encoder.layers.{i}.conv_module.layer_norm.*", "layers.{i}.convolution_norm.*"),
    pointwise("encoder.layers.{i}.conv_module.pointwise_conv1.weight", "layers.{i}.convolution.expand.weight"),
    KeyRule("encoder.layers.{i}.conv_module.depthwise_conv.weight", "layers.{i}.convolution.depthwise.weight"),
    pointwise("encoder.layers.{i}.conv_module.pointwise_conv2.weight", "layers.{i}.convolution.project.weight"),
    *_half(2),
    KeyRule("encoder.layers.{i}.final_layer_norm.*", "layers.{i}.final_norm.*"),
)

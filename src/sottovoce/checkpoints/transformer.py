"""What the Transformer families share: waveform convolutions, a positional convolution, post- or pre-norm layers."""

from __future__ import annotations

from typing import Any

from sottovoce.encoder.config import EncoderConfig, Shape, uniform_shape

from .family import ACTIVATIONS
from .names import Row, Table
from .uniform import uniform

RENAMED = {
    "conv_kernel": "conv_kernel",
    "conv_stride": "conv_stride",
    "conv_bias": "conv_bias",
    "hidden_act": "activation",
    "hidden_dropout": "dropout",
    "attention_dropout": "attention_dropout",
    "activation_dropout": "activation_dropout",
    "feat_proj_dropout": "projection_dropout",
    "layerdrop": "layerdrop",
    "initializer_range": "initializer_range",
}
SUPPORTED: dict[str, tuple[Any, ...]] = {
    "add_adapter": (False,),
    "adapter_attn_dim": (None,),
    "conv_pos_batch_norm": (False,),
    "feat_extract_activation": ("gelu",),
    "hidden_act": ACTIVATIONS,
}
UNUSED = ("masked_spec_embed",)


def shape(stock: Any) -> Shape:
    """The shape of a stock config with one positional convolution."""
    return uniform_shape(
        hidden_size=stock.hidden_size,
        layers=stock.num_hidden_layers,
        heads=stock.num_attention_heads,
        ffn=stock.intermediate_size,
        conv_channels=stock.conv_dim,
        positional_groups=stock.num_conv_pos_embedding_groups,
        positional_taps=[stock.num_conv_pos_embeddings],
    )


def fields(stock: Any) -> dict[str, Any]:
    return {
        "front_end": "waveform",
        "conv_norm": stock.feat_extract_norm,
        "layer": "pre_norm" if stock.do_stable_layer_norm else "post_norm",
        "final_norm": stock.do_stable_layer_norm,
        "position": "none",
        "head_dim": stock.hidden_size // stock.num_attention_heads,
        "attention_heads": stock.num_attention_heads,
        "layer_eps": stock.layer_norm_eps,
        "norm_eps": stock.layer_norm_eps,
    }


def sizes(config: EncoderConfig) -> dict[str, Any]:
    widths = uniform(config)
    return {
        "hidden_size": widths.hidden_size,
        "num_hidden_layers": widths.layers,
        "num_attention_heads": widths.heads,
        "intermediate_size": widths.ffn,
        "conv_dim": widths.conv_channels,
        "num_conv_pos_embedding_groups": widths.positional_groups,
        "num_conv_pos_embeddings": widths.taps,
        "feat_extract_norm": config.conv_norm,
        "do_stable_layer_norm": config.layer == "pre_norm",
        "layer_norm_eps": config.norm_eps,
    }


FRONT_END = (
    Row("feature_extractor.conv_layers.{i}.conv.*", "frontend.conv.{i}.conv.*"),
    Row("feature_extractor.conv_layers.{i}.layer_norm.*", "frontend.conv.{i}.norm.*"),
)
PROJECTION = (
    Row("feature_projection.layer_norm.*", "frontend.projection.norm.*"),
    Row("feature_projection.projection.*", "frontend.projection.linear.*"),
)
POSITIONAL = (Row("encoder.pos_conv_embed.conv.*", "positional.layers.0.*"),)
LAYER = (
    *(
        Row(f"encoder.layers.{{i}}.attention.{m}_proj.*", f"layers.{{i}}.attention.{m}.*")
        for m in ("q", "k", "v", "out")
    ),
    Row("encoder.layers.{i}.layer_norm.*", "layers.{i}.attention_norm.*"),
    Row("encoder.layers.{i}.feed_forward.intermediate_dense.*", "layers.{i}.feed_forward.up.*"),
    Row("encoder.layers.{i}.feed_forward.output_dense.*", "layers.{i}.feed_forward.down.*"),
    Row("encoder.layers.{i}.final_layer_norm.*", "layers.{i}.feed_forward_norm.*"),
)


def norm(config: EncoderConfig) -> Row:
    """The norm outside the layers: behind the last one with pre-norm layers, before the first one otherwise."""
    return Row("encoder.layer_norm.*", "final_norm.*" if config.final_norm else "input_norm.*")


def table(config: EncoderConfig) -> Table:
    return Table((*FRONT_END, *PROJECTION, *POSITIONAL, norm(config), *LAYER), UNUSED)

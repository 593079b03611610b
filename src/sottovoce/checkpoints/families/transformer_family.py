"""The parts of the Transformer families: waveform convolutions, a positional convolution, post- or pre-norm layers."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedConfig

from sottovoce.encoder.config import EncoderConfig, Shape

from . import common
from .family import Family
from .key_map import KeyMap, KeyRule
from .uniform_shapes import uniform

RENAMED = common.RENAMED | common.CONVOLUTIONS
LARGE = {**common.LARGE, "feat_extract_norm": "layer", "do_stable_layer_norm": True}
SUPPORTED = common.SUPPORTED | {"conv_pos_batch_norm": (False,)}


def shape(stock: PreTrainedConfig) -> Shape:
    """Our shape of a stock config with one positional convolution."""
    return common.shape(
        stock,
        conv_channels=stock.conv_dim,
        positional_groups=stock.num_conv_pos_embedding_groups,
        positional_taps=[stock.num_conv_pos_embeddings],
    )


def fields(stock: PreTrainedConfig) -> dict[str, object]:
    """See `Family`."""
    return common.fields(stock) | {
        "front_end": "waveform",
        "conv_norm": stock.feat_extract_norm,
        "layer": "pre_norm" if stock.do_stable_layer_norm else "post_norm",
        "final_norm": stock.do_stable_layer_norm,
        "position": "none",
    }


def sizes(config: EncoderConfig) -> dict[str, object]:
    """See `Family`."""
    widths = uniform(config)
    return common.sizes(config) | {
        "conv_dim": widths.conv_channels,
        "num_conv_pos_embedding_groups": widths.positional_groups,
        "num_conv_pos_embeddings": widths.taps,
        "feat_extract_norm": config.conv_norm,
        "do_stable_layer_norm": config.layer == "pre_norm",
    }


FRONT_END = (
    KeyRule("feature_extractor.conv_layers.{i}.conv.*", "frontend.conv.{i}.conv.*"),
    KeyRule("feature_extractor.conv_layers.{i}.layer_norm.*", "frontend.conv.{i}.norm.*"),
)
PROJECTION = (
    KeyRule("feature_projection.layer_norm.*", "frontend.projection.norm.*"),
    KeyRule("feature_projection.projection.*", "frontend.projection.linear.*"),
)
POSITIONAL = (KeyRule("encoder.pos_conv_embed.conv.*", "positional.layers.0.*"),)
LAYER = (
    *(
        KeyRule(f"encoder.layers.{{i}}.attention.{m}_proj.*", f"layers.{{i}}.attention.{m}.*")
        for m in ("q", "k", "v", "out")
    ),
    KeyRule("encoder.layers.{i}.layer_norm.*", "layers.{i}.attention_norm.*"),
    KeyRule("encoder.layers.{i}.feed_forward.intermediate_dense.*", "layers.{i}.feed_forward.up.*"),
    KeyRule("encoder.layers.{i}.feed_forward.output_dense.*", "layers.{i}.feed_forward.down.*"),
    KeyRule("encoder.layers.{i}.final_layer_norm.*", "layers.{i}.feed_forward_norm.*"),
)


def norm(config: EncoderConfig) -> KeyRule:
    """The norm outside the layers: after the last one with pre-norm layers, before the first one with post-norm layers."""
    return KeyRule("encoder.layer_norm.*", "final_norm.*" if config.final_norm else "input_norm.*")


def table(config: EncoderConfig) -> KeyMap:
    """See `Family`."""
    return KeyMap((*FRONT_END, *PROJECTION, *POSITIONAL, norm(config), *LAYER), common.UNUSED)


def transformer(name: str, *, config: str, model: str, **changes: object) -> Family:
    """A Transformer family.

    Args:
        name, config, model: see `Family`.
        changes: other arguments of `Family`, where this family differs.
    """
    usual: dict[str, Any] = {
        "shape": shape,
        "table": table,
        "renamed": RENAMED,
        "fields": fields,
        "sizes": sizes,
        "supported": SUPPORTED,
    }
    return Family(name=name, config=config, model=model, **(usual | changes))

"""Fields and shapes that the configs of all families share."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedConfig

from sottovoce.encoder.config import EncoderConfig, Shape, uniform_shape

from .family import ACTIVATIONS
from .uniform_shapes import uniform

RENAMED = {
    "hidden_act": "activation",
    "hidden_dropout": "dropout",
    "attention_dropout": "attention_dropout",
    "activation_dropout": "activation_dropout",
    "feat_proj_dropout": "projection_dropout",
    "layerdrop": "layerdrop",
    "initializer_range": "initializer_range",
}
CONVOLUTIONS = {"conv_kernel": "conv_kernel", "conv_stride": "conv_stride", "conv_bias": "conv_bias"}
SUPPORTED: dict[str, tuple[object, ...]] = {
    "add_adapter": (False,),
    "adapter_attn_dim": (None,),
    "feat_extract_activation": ("gelu",),
    "hidden_act": ACTIVATIONS,
}
UNUSED = ("masked_spec_embed",)

LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
"""Fields of the stock config of a published encoder of the size Large, see `Family.published`."""


def shape(
    stock: PreTrainedConfig,
    *,
    conv_channels: Sequence[int] | None,
    positional_groups: int | None,
    positional_taps: Sequence[int] = (128,),
    convolution: int | None = None,
) -> Shape:
    """Our shape of a stock config with the given convolutions and positions, see `uniform_shape`."""
    return uniform_shape(
        hidden_size=stock.hidden_size,
        layers=stock.num_hidden_layers,
        heads=stock.num_attention_heads,
        ffn=stock.intermediate_size,
        conv_channels=conv_channels,
        positional_groups=positional_groups,
        positional_taps=positional_taps,
        convolution=convolution,
    )


def fields(stock: PreTrainedConfig) -> dict[str, object]:
    """`Family.fields` that all families have."""
    return {
        "head_dim": stock.hidden_size // stock.num_attention_heads,
        "attention_heads": stock.num_attention_heads,
        "layer_eps": stock.layer_norm_eps,
        "norm_eps": stock.layer_norm_eps,
    }


def sizes(config: EncoderConfig) -> dict[str, object]:
    """`Family.sizes` that all families have."""
    widths = uniform(config)
    return {
        "hidden_size": widths.hidden_size,
        "num_hidden_layers": widths.layers,
        "num_attention_heads": widths.heads,
        "intermediate_size": widths.ffn,
        "layer_norm_eps": config.norm_eps,
    }

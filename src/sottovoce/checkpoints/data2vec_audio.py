"""data2vec-audio (Baevski et al. 2022): five small positional convolutions, each with a norm; always post-norm."""

from typing import Any

from sottovoce.encoder.config import EncoderConfig, Shape, uniform_shape

from .family import Family
from .names import Row, Table
from .transformer import FRONT_END, LAYER, PROJECTION, RENAMED, SUPPORTED, UNUSED, norm
from .uniform import uniform

POSITIONAL = (Row("encoder.pos_conv_embed.layers.{i}.conv.*", "positional.layers.{i}.*"),)


def shape(stock: Any) -> Shape:
    return uniform_shape(
        hidden_size=stock.hidden_size,
        layers=stock.num_hidden_layers,
        heads=stock.num_attention_heads,
        ffn=stock.intermediate_size,
        conv_channels=stock.conv_dim,
        positional_groups=stock.num_conv_pos_embedding_groups,
        positional_taps=[stock.conv_pos_kernel_size] * stock.num_conv_pos_embeddings,
    )


def fields(stock: Any) -> dict[str, Any]:
    return {
        "front_end": "waveform",
        "conv_norm": "layer",
        "layer": "post_norm",
        "final_norm": False,
        "position": "none",
        "positional_norm": True,
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
        "num_conv_pos_embeddings": len(config.shape["positional"]["taps"]),
        "conv_pos_kernel_size": widths.taps,
        "layer_norm_eps": config.norm_eps,
    }


FAMILY = Family(
    name="data2vec_audio",
    config="Data2VecAudioConfig",
    model="Data2VecAudioModel",
    shape=shape,
    table=lambda config: Table((*FRONT_END, *PROJECTION, *POSITIONAL, norm(config), *LAYER), UNUSED),
    renamed=RENAMED,
    fields=fields,
    sizes=sizes,
    supported=SUPPORTED,
)

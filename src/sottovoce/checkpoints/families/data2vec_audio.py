"""data2vec-audio (Baevski et al. 2022): five small positional convolutions, each with a norm; always post-norm."""

from transformers import PreTrainedConfig

from sottovoce.encoder.config import EncoderConfig, Shape

from . import common
from .key_map import KeyMap, KeyRule
from .transformer_family import FRONT_END, LAYER, PROJECTION, norm, transformer
from .uniform_shapes import uniform

POSITIONAL = (KeyRule("encoder.pos_conv_embed.layers.{i}.conv.*", "positional.layers.{i}.*"),)


def shape(stock: PreTrainedConfig) -> Shape:
    return common.shape(
        stock,
        conv_channels=stock.conv_dim,
        positional_groups=stock.num_conv_pos_embedding_groups,
        positional_taps=[stock.conv_pos_kernel_size] * stock.num_conv_pos_embeddings,
    )


def fields(stock: PreTrainedConfig) -> dict[str, object]:
    return common.fields(stock) | {
        "front_end": "waveform",
        "conv_norm": "layer",
        "layer": "post_norm",
        "final_norm": False,
        "position": "none",
        "positional_norm": True,
    }


def sizes(config: EncoderConfig) -> dict[str, object]:
    widths = uniform(config)
    return common.sizes(config) | {
        "conv_dim": widths.conv_channels,
        "num_conv_pos_embedding_groups": widths.positional_groups,
        "num_conv_pos_embeddings": len(config.shape["positional"]["taps"]),
        "conv_pos_kernel_size": widths.taps,
    }


FAMILY = transformer(
    "data2vec_audio",
    config="Data2VecAudioConfig",
    model="Data2VecAudioModel",
    shape=shape,
    table=lambda config: KeyMap((*FRONT_END, *PROJECTION, *POSITIONAL, norm(config), *LAYER), common.UNUSED),
    fields=fields,
    sizes=sizes,
)

"""Wav2Vec2-Conformer (fairseq S2T, Wang et al. 2020): Conformer layers with relative or rotary positions.

Its checkpoints hold a positional convolution that the model never computes; it is left out.
"""

from transformers import PreTrainedConfig

from sottovoce.encoder.config import EncoderConfig

from . import common, conformer
from .family import Family
from .key_map import KeyMap, KeyRule
from .transformer_family import FRONT_END, PROJECTION
from .uniform_shapes import uniform

NORMS = (
    KeyRule("encoder.layers.{i}.conv_module.batch_norm.*", "layers.{i}.convolution.norm.*"),
    KeyRule("encoder.layer_norm.*", "final_norm.*"),
)
UNUSED = (*common.UNUSED, "encoder.pos_conv_embed.**", "encoder.embed_positions.**")


def fields(stock: PreTrainedConfig) -> dict[str, object]:
    return conformer.fields(stock) | {
        "front_end": "waveform",
        "conv_norm": stock.feat_extract_norm,
        "final_norm": True,
        "convolution_norm": "batch",
        "causal_convolution": False,
        "layer_eps": 1e-5,  # the stock layers do not read layer_norm_eps
    }


def sizes(config: EncoderConfig) -> dict[str, object]:
    return conformer.sizes(config) | {
        "conv_dim": uniform(config).conv_channels,
        "feat_extract_norm": config.conv_norm,
    }


FAMILY = Family(
    name="wav2vec2_conformer",
    config="Wav2Vec2ConformerConfig",
    model="Wav2Vec2ConformerModel",
    shape=lambda stock: conformer.shape(stock, stock.conv_dim),
    table=lambda config: KeyMap((*FRONT_END, *PROJECTION, *conformer.LAYER, *NORMS), UNUSED),
    renamed=conformer.RENAMED | common.CONVOLUTIONS,
    fields=fields,
    sizes=sizes,
    supported=conformer.SUPPORTED | {"position_embeddings_type": ("relative", "rotary", None)},
    published={
        "facebook/wav2vec2-conformer-rel-pos-large": common.LARGE
        | {
            "feat_extract_norm": "layer",
            "conv_bias": True,
            "hidden_act": "swish",
            "position_embeddings_type": "relative",
        }
    },
)

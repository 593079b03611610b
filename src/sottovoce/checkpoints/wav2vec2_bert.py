"""w2v-BERT 2.0 (Seamless Communication 2023): mel filterbank, causal Conformer layers with relative keys."""

from typing import Any

from sottovoce.encoder.config import EncoderConfig, Shape, uniform_shape

from . import conformer
from .family import Family
from .names import Row, Table
from .transformer import PROJECTION

NORMS = (Row("encoder.layers.{i}.conv_module.depthwise_layer_norm.*", "layers.{i}.convolution.norm.*"),)
UNUSED = ("masked_spec_embed",)


def shape(stock: Any) -> Shape:
    return uniform_shape(
        hidden_size=stock.hidden_size,
        layers=stock.num_hidden_layers,
        heads=stock.num_attention_heads,
        ffn=stock.intermediate_size,
        conv_channels=None,
        positional_groups=None,
        convolution=stock.hidden_size,
    )


def fields(stock: Any) -> dict[str, Any]:
    return conformer.fields(stock) | {
        "front_end": "filterbank",
        "final_norm": False,
        "convolution_norm": "layer",
        "causal_convolution": True,
        "left_positions": stock.left_max_position_embeddings,
        "right_positions": stock.right_max_position_embeddings,
        "layer_eps": stock.layer_norm_eps,
    }


def sizes(config: EncoderConfig) -> dict[str, Any]:
    return conformer.sizes(config) | {
        "left_max_position_embeddings": config.left_positions,
        "right_max_position_embeddings": config.right_positions,
    }


FAMILY = Family(
    name="wav2vec2_bert",
    config="Wav2Vec2BertConfig",
    model="Wav2Vec2BertModel",
    shape=shape,
    table=lambda config: Table((*PROJECTION, *conformer.LAYER, *NORMS), UNUSED),
    renamed=conformer.RENAMED,
    fields=fields,
    sizes=sizes,
    supported=conformer.SUPPORTED | {"feature_projection_input_dim": (160,)},
    normalized=lambda stock: False,  # the filterbank normalises its features
)

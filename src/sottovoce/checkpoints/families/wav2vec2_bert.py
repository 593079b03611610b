"""w2v-BERT 2.0 (Seamless Communication 2023): mel filterbank, causal Conformer layers with relative keys."""

from transformers import PreTrainedConfig

from sottovoce.encoder.config import EncoderConfig

from . import common, conformer
from .family import Family
from .key_map import KeyMap, KeyRule
from .transformer_family import PROJECTION

NORMS = (KeyRule("encoder.layers.{i}.conv_module.depthwise_layer_norm.*", "layers.{i}.convolution.norm.*"),)


def fields(stock: PreTrainedConfig) -> dict[str, object]:
    return conformer.fields(stock) | {
        "front_end": "filterbank",
        "final_norm": False,
        "convolution_norm": "layer",
        "causal_convolution": True,
        "left_positions": stock.left_max_position_embeddings,
        "right_positions": stock.right_max_position_embeddings,
    }


def sizes(config: EncoderConfig) -> dict[str, object]:
    return conformer.sizes(config) | {
        "left_max_position_embeddings": config.left_positions,
        "right_max_position_embeddings": config.right_positions,
    }


FAMILY = Family(
    name="wav2vec2_bert",
    config="Wav2Vec2BertConfig",
    model="Wav2Vec2BertModel",
    shape=lambda stock: conformer.shape(stock, None),
    table=lambda config: KeyMap((*PROJECTION, *conformer.LAYER, *NORMS), common.UNUSED),
    renamed=conformer.RENAMED,
    fields=fields,
    sizes=sizes,
    supported=conformer.SUPPORTED | {"feature_projection_input_dim": (160,)},
    normalized=lambda stock: False,  # the filterbank normalizes its features
    filterbank=True,
    published={"facebook/w2v-bert-2.0": {}},
)

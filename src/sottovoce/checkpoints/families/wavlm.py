"""WavLM (Chen et al. 2022): every attention has a bias by distance that is gated by the residual stream."""

from .common import UNUSED
from .key_map import KeyMap, KeyRule, per_head
from .transformer_family import LARGE, RENAMED, fields, table, transformer

GATE = (
    KeyRule("encoder.layers.{i}.attention.gru_rel_pos_linear.*", "layers.{i}.attention.position.gate.*"),
    per_head("encoder.layers.{i}.attention.gru_rel_pos_const", "layers.{i}.attention.position.constant"),
    KeyRule("encoder.layers.0.attention.rel_attn_embed.weight", "position.table.weight"),
)

FAMILY = transformer(
    "wavlm",
    config="WavLMConfig",
    model="WavLMModel",
    table=lambda config: KeyMap((*table(config).rows, *GATE), UNUSED),
    renamed=RENAMED | {"num_buckets": "num_buckets", "max_bucket_distance": "max_distance"},
    fields=lambda stock: fields(stock) | {"position": "gated_relative_bias"},
    # Base was pre-trained on waveforms as they are, Large on normalized ones.
    normalized=lambda stock: stock.feat_extract_norm == "layer",
    published={"microsoft/wavlm-base": {}, "microsoft/wavlm-base-plus": {}, "microsoft/wavlm-large": LARGE},
)

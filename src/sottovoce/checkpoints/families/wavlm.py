"""WavLM (Chen et al. 2022): a bias by distance, gated by the stream, in every attention."""

from .common import UNUSED
from .key_map import Row, Table, per_head
from .transformer import RENAMED, fields, table, transformer

GATE = (
    Row("encoder.layers.{i}.attention.gru_rel_pos_linear.*", "layers.{i}.attention.position.gate.*"),
    per_head("encoder.layers.{i}.attention.gru_rel_pos_const", "layers.{i}.attention.position.constant"),
    Row("encoder.layers.0.attention.rel_attn_embed.weight", "position.table.weight"),
)

FAMILY = transformer(
    "wavlm",
    config="WavLMConfig",
    model="WavLMModel",
    table=lambda config: Table((*table(config).rows, *GATE), UNUSED),
    renamed=RENAMED | {"num_buckets": "num_buckets", "max_bucket_distance": "max_distance"},
    fields=lambda stock: fields(stock) | {"position": "gated_relative_bias"},
    # Pre-training: Base saw waveforms as they are, Large normalised ones.
    normalized=lambda stock: stock.feat_extract_norm == "layer",
)

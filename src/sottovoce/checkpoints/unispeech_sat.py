"""UniSpeech-SAT (Chen et al. 2021): HuBERT with speaker-aware pre-training."""

from .family import Family
from .transformer import RENAMED, SUPPORTED, fields, shape, sizes, table

FAMILY = Family(
    name="unispeech_sat",
    config="UniSpeechSatConfig",
    model="UniSpeechSatModel",
    shape=shape,
    table=table,
    renamed=RENAMED,
    fields=fields,
    sizes=sizes,
    supported=SUPPORTED,
    normalized=lambda stock: stock.feat_extract_norm == "layer",
)

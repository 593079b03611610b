"""UniSpeech-SAT (Chen et al. 2021): HuBERT with speaker-aware pre-training."""

from .transformer_family import transformer

FAMILY = transformer(
    "unispeech_sat",
    config="UniSpeechSatConfig",
    model="UniSpeechSatModel",
    normalized=lambda stock: stock.feat_extract_norm == "layer",
)

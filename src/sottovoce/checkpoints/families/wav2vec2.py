"""wav2vec 2.0 (Baevski et al. 2020): Base with a group norm and post-norm layers, Large with layer norms."""

from .transformer_family import LARGE, transformer

FAMILY = transformer(
    "wav2vec2",
    config="Wav2Vec2Config",
    model="Wav2Vec2Model",
    published={"facebook/wav2vec2-base": {}, "facebook/wav2vec2-large-lv60": {**LARGE, "conv_bias": True}},
)

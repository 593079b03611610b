"""Configs of published encoders, in full size or tiny, to try out a recipe with random weights."""

from __future__ import annotations

from typing import Any

from sottovoce.encoder.config import EncoderConfig
from sottovoce.errors import CheckpointError
from sottovoce.text.suggestions import did_you_mean

from .families.family import Family
from .families.known import FAMILIES

TINY_LAYERS = 3
_TINY = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": TINY_LAYERS, "intermediate_size": 128}
_TINY_PARTS = {
    "conv_dim": (12, 16, 20, 16, 14, 12, 18),
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "num_buckets": 32,
    "max_bucket_distance": 40,
    "conv_depthwise_kernel_size": 7,
    "left_max_position_embeddings": 9,
    "right_max_position_embeddings": 3,
}


def published_encoders() -> dict[str, Family]:
    """The hub ids of published encoders whose sizes are known, and their families."""
    return {source: family for _, family in FAMILIES.usable() for source in family.published}


def published_config(source: str, *, tiny: bool = False) -> EncoderConfig:
    """The config of a published encoder, for a `SpeechEncoder` with random weights.

    Args:
        source: the hub id.
        tiny: whether to return the same parts with tens of thousands of parameters in all.

    Raises:
        CheckpointError: an encoder whose sizes are not known.
    """
    known = published_encoders()
    if source not in known:
        raise CheckpointError(f"{source}: the sizes of this encoder are not known; {did_you_mean(source, known)}")
    family = known[source]
    sizes: Any = family.published[source]
    stock = family.config_class(**sizes)
    if tiny:
        for key, value in {**_TINY, **_TINY_PARTS}.items():
            if hasattr(stock, key):
                setattr(stock, key, value)
    return family.encoder_config(stock, source, normalize=family.normalized(stock))

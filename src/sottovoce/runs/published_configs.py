"""Published encoders without their weights: the network of a hub id, at its size or tiny, for trying a recipe out."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig

from ..checkpoints.registry import family_of
from ..encoder.config import EncoderConfig
from ..errors import RecipeError
from ..options import nearest

_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
_STABLE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}

STOCK: dict[str, tuple[str, dict[str, Any]]] = {
    "facebook/hubert-base-ls960": ("hubert", {}),
    "facebook/hubert-large-ll60k": ("hubert", {**_LARGE, **_STABLE, "conv_bias": True}),
    "facebook/w2v-bert-2.0": ("wav2vec2-bert", {}),
    "facebook/wav2vec2-base": ("wav2vec2", {}),
    "facebook/wav2vec2-conformer-rel-pos-large": (
        "wav2vec2-conformer",
        {
            **_LARGE,
            "feat_extract_norm": "layer",
            "conv_bias": True,
            "hidden_act": "swish",
            "position_embeddings_type": "relative",
        },
    ),
    "facebook/wav2vec2-large-lv60": ("wav2vec2", {**_LARGE, **_STABLE, "conv_bias": True}),
    "microsoft/wavlm-base": ("wavlm", {}),
    "microsoft/wavlm-base-plus": ("wavlm", {}),
    "microsoft/wavlm-large": ("wavlm", {**_LARGE, **_STABLE}),
}
"""Hub id -> kind of model and its config, where that is not the library's default (from the models' config.json)."""

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


def published_config(source: str, *, tiny: bool = False) -> EncoderConfig:
    """The config of a published encoder; a `SpeechEncoder` of it has random weights.

    Args:
        source: hub id.
        tiny: the same parts, a few thousand parameters.

    Raises:
        RecipeError: a model whose sizes are not known here.
    """
    if source not in STOCK:
        raise RecipeError(f"encoder.from: the sizes of {source} are not known here; {nearest(source, STOCK)}")
    kind, sizes = STOCK[source]
    stock = AutoConfig.for_model(kind, **sizes)
    if tiny:
        for key, value in {**_TINY, **_TINY_PARTS}.items():
            if hasattr(stock, key):
                setattr(stock, key, value)
    family = family_of(kind, source)
    return family.encoder_config(stock, source, normalize=family.normalized(stock))

"""HuBERT (Hsu et al. 2021), and DistilHuBERT, which has no norm before the projection."""

from .transformer_family import LARGE, RENAMED, transformer

FAMILY = transformer(
    "hubert",
    config="HubertConfig",
    model="HubertModel",
    renamed=RENAMED | {"feat_proj_layer_norm": "projection_norm"},
    published={"facebook/hubert-base-ls960": {}, "facebook/hubert-large-ll60k": {**LARGE, "conv_bias": True}},
)

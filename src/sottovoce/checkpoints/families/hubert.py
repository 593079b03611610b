"""HuBERT (Hsu et al. 2021), and what is made of it without a norm before the projection (DistilHuBERT)."""

from .transformer import RENAMED, transformer

FAMILY = transformer(
    "hubert",
    config="HubertConfig",
    model="HubertModel",
    renamed=RENAMED | {"feat_proj_layer_norm": "projection_norm"},
)

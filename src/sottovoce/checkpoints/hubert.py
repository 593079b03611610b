"""HuBERT (Hsu et al. 2021), and what is made of it without a norm before the projection (DistilHuBERT)."""

from .family import Family
from .transformer import RENAMED, SUPPORTED, fields, shape, sizes, table

FAMILY = Family(
    name="hubert",
    config="HubertConfig",
    model="HubertModel",
    shape=shape,
    table=table,
    renamed=RENAMED | {"feat_proj_layer_norm": "projection_norm"},
    fields=fields,
    sizes=sizes,
    supported=SUPPORTED,
)

"""An encoder family: a stock class of this package, and how its config and tensors are written in sottovoce's words."""

from transformers import HubertConfig, HubertModel

from sottovoce.checkpoints.families.transformer_family import transformer


class MurmurConfig(HubertConfig):
    model_type = "murmur"


class MurmurModel(HubertModel):
    config_class = MurmurConfig


FAMILY = transformer("murmur", config="whispers.murmur:MurmurConfig", model="whispers.murmur:MurmurModel")

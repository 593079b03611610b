"""Checkpoints in other formats than sottovoce's own: read into our config and weights, and written as stock models.

`load`, `load_task`   read a checkpoint of any format: an encoder; an encoder with its head
`has_task`            whether `load_task` knows the head of a checkpoint
`from_transformers`   config and weights of a stock model in memory
`to_transformers`     an encoder as a stock model
`FAMILIES`            the families of stock encoders
`published_configs`   sizes of published encoders, for networks with random weights
`origins`             name and license of the checkpoint that weights come from
`families/`           one file for each family: its config and the names of its tensors
`released/`           whole models as their authors released them, one file for each system
`formats/`            one file for each format of files, and the parts that they share
"""

from .families.known import FAMILIES
from .loading import from_transformers, has_task, load, load_task
from .to_stock import to_transformers

__all__ = ["FAMILIES", "from_transformers", "has_task", "load", "load_task", "to_transformers"]

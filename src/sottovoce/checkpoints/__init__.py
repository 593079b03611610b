"""Foreign checkpoints in and out: one small file a family, with its config and its names of tensors."""

from .registry import FAMILIES, from_transformers, load
from .to_stock import to_transformers

__all__ = ["FAMILIES", "from_transformers", "load", "to_transformers"]

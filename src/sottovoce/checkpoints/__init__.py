"""Foreign checkpoints in and out: one small file a family, with its config and its names of tensors."""

from .registry import FAMILIES, from_transformers, has_task, load, load_task
from .to_stock import to_transformers

__all__ = ["FAMILIES", "from_transformers", "has_task", "load", "load_task", "to_transformers"]

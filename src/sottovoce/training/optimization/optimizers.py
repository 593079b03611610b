"""The optimizers that a stage can have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch

OptimizerName = Literal["adamw", "adam"]
"""``adamw``: weight decay apart from the gradient (1711.05101). ``adam``: weight decay added to the gradient, as L2."""

OPTIMIZERS: Mapping[OptimizerName, type[torch.optim.Adam]] = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}

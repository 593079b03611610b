"""The activations that published speech encoders use."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from ...errors import CheckpointError

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"gelu": F.gelu, "relu": F.relu, "swish": F.silu, "silu": F.silu}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """The activation of this name.

    Raises:
        CheckpointError: an unknown name.
    """
    if name not in ACTIVATIONS:
        raise CheckpointError(f"config: activation is {name!r}; it can be {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]

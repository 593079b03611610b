"""Layers whose activations can be recomputed instead of kept (gradient checkpointing, Chen et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import torch
from torch import nn


class RecomputedLayer(nn.Module):
    """Base class of layers that ``model.gradient_checkpointing_enable()`` of Transformers finds.

    It does the same as ``GradientCheckpointingLayer`` of Transformers, but importing that takes as long as importing torch.
    Only ``forward`` is recomputed, so hooks of the layer run once.
    """

    gradient_checkpointing = False
    _gradient_checkpointing_func: Callable[..., Any]

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        forward = cls.forward

        @wraps(forward)
        def recomputed(self: RecomputedLayer, *arguments: Any, **named: Any) -> Any:
            outermost = type(self).forward is recomputed  # a subclass, like that which FSDP makes, wraps it once more
            if outermost and self.gradient_checkpointing and self.training and torch.is_grad_enabled():
                return self._gradient_checkpointing_func(partial(forward, self, **named), *arguments)
            return forward(self, *arguments, **named)

        cls.forward = recomputed

"""Steps that half precision has to leave out: the loss is scaled up so that small gradients survive, and large ones may
become infinite. Such a step changes nothing, the scale is halved, and training goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import TrainingError

LEAST_SCALE = 1e-4
"""Below this it is no matter of scale any more: 30 steps in a row from where it starts, 2^16."""


class SkippedSteps(nn.Module):
    """Counts the steps that were left out; the number is part of the training state.

    Args:
        stage: what errors call it.
    """

    count: Tensor

    def __init__(self, stage: str):
        super().__init__()
        self.stage = stage
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self._statistics: list[tuple[Tensor, Tensor]] = []

    def remember(self, model: nn.Module) -> None:
        """Running statistics as they are before a batch, whose activations may be infinite."""
        norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.training]
        self._statistics += [(buffer, buffer.clone()) for norm in norms for buffer in norm.buffers()]

    def watch(self, scaler: GradScaler, step: Callable[[], Any]) -> None:
        """Make a step, and count it if it was left out.

        Raises:
            TrainingError: the scale has collapsed.
        """
        before = scaler.get_scale()
        step()
        if scaler.get_scale() < before:
            self.count += 1
            for buffer, value in reversed(self._statistics):  # of several batches, those before the first
                buffer.copy_(value)
            if before < LEAST_SCALE:
                raise TrainingError(
                    f"stage {self.stage}: loss or gradients are infinite at every scale down to {before:.0e}"
                    f" ({int(self.count)} steps were left out); lower the learning rate, clip gradients, or train"
                    " with precision bf16"
                )
        self._statistics.clear()

    def final_warning(self, steps: int) -> str | None:
        """A warning about the steps that were left out, of ``steps`` in all; ``None`` where there were none.

        Raises:
            TrainingError: none of them was made.
        """
        count = int(self.count)
        if count and count == steps:
            raise TrainingError(
                f"stage {self.stage}: all {steps} steps were left out, because loss or gradients were infinite in fp16;"
                " take more steps, lower the learning rate, or train with precision bf16"
            )
        warning = f"stage {self.stage}: {count} of {steps} steps were left out (loss or gradients infinite in fp16)"
        return warning if count else None

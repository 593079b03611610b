"""Skipped steps in half precision: the loss is scaled up so that small gradients do not underflow, and large gradients may
become infinite. A step with infinite gradients is skipped, the scale is halved, and training continues.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.modules.batchnorm import _BatchNorm

from ...errors import TrainingError

LEAST_SCALE = 1e-4
"""Below this scale the loss itself is at fault. From the initial 2^16 that takes 30 skipped steps in a row."""


class SkippedSteps(nn.Module):
    """Counts skipped steps. The number is part of the training state.

    Args:
        stage: name of the stage, for messages.
    """

    count: Tensor

    def __init__(self, stage: str):
        super().__init__()
        self.stage = stage
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self._statistics: list[tuple[Tensor, Tensor]] = []

    def remember(self, model: nn.Module) -> None:
        """Store the running statistics before a batch, whose activations may be infinite."""
        norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.training]
        self._statistics += [(buffer, buffer.clone()) for norm in norms for buffer in norm.buffers()]

    def watch(self, scaler: GradScaler, step: Callable[[], object]) -> None:
        """Call ``step``. If it was skipped, count it and restore the running statistics.

        Raises:
            TrainingError: the scale has collapsed.
        """
        before = scaler.get_scale()
        step()
        if scaler.get_scale() < before:
            self.count += 1
            for buffer, value in reversed(self._statistics):  # with several batches, the values before the first one
                buffer.copy_(value)
            if before < LEAST_SCALE:
                raise TrainingError(
                    f"stage {self.stage}: loss or gradients are infinite at every scale down to {before:.0e}"
                    f" ({int(self.count)} steps were left out); lower the learning rate, clip gradients, or train"
                    " with precision bf16"
                )
        self._statistics.clear()

    def final_warning(self, steps: int) -> str | None:
        """A warning about skipped steps, out of ``steps`` in total; ``None`` if there were none.

        Raises:
            TrainingError: all steps were skipped.
        """
        count = int(self.count)
        if count and count == steps:
            raise TrainingError(
                f"stage {self.stage}: all {steps} steps were left out, because loss or gradients were infinite in fp16;"
                " take more steps, lower the learning rate, or train with precision bf16"
            )
        warning = f"stage {self.stage}: {count} of {steps} steps were left out (loss or gradients infinite in fp16)"
        return warning if count else None

"""How a training stage clips gradients."""

from __future__ import annotations

from pydantic import Field

from ...options import Options
from ...training.optimization.clipping import AutoClip, ClippedBy, Clipping, FixedClipping


class FixedClipOptions(Options):
    """Gradients are clipped at a norm; the same as the number alone, unless each module has a norm of its own.

    Args:
        norm: largest norm.
        by: ``all`` weights together; or each ``module`` by itself: the model (encoder and head), the weights of the task's
            loss, and projections, as w2v-BERT-2.0_SV does it.
    """

    norm: float = Field(gt=0)
    by: ClippedBy = "all"

    def build(self) -> Clipping:
        return FixedClipping(self.norm)


class AutoClipOptions(Options):
    """Gradients are clipped at a percentile of the last norms; see `sottovoce.training.optimization.clipping.AutoClip`."""

    percentile: float = Field(90.0, gt=0, le=100)
    history: int = Field(1000, ge=1, description="norms that are remembered")

    def build(self) -> Clipping:
        return AutoClip(self.percentile, self.history)

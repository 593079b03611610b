"""How the outputs of a two-class model become a calibrated log-likelihood ratio. The calibration is saved with the model."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

CLASSES = ("spoof", "bonafide")
"""Names of the two classes, in the order of the outputs."""


Score: TypeAlias = Literal["difference", "bonafide"]
"""The score of two logits: the second minus the first, or the second alone, as in the published AASIST (main.py)."""


class LLRScoring(nn.Module):
    """Calibrated log-likelihood ratios: ``slope * score + offset``.

    The score of a recording is the logit of the second class minus that of the first, or the only output of the model.

    Args:
        score: ``bonafide`` takes the logit of the second class alone.

    Attributes:
        slope: factor of the score, fitted on development data; 1 before.
        offset: added to it, fitted on development data; 0 before.
        calibrated: whether they have been fitted. Until then the ratio is the score itself.
    """

    slope: Tensor
    offset: Tensor
    calibrated: Tensor

    def __init__(self, *, score: Score = "difference") -> None:
        super().__init__()
        self.score = score
        self.register_buffer("slope", torch.tensor(1.0))
        self.register_buffer("offset", torch.tensor(0.0))
        self.register_buffer("calibrated", torch.tensor(False))

    def scores(self, output: Tensor) -> Tensor:
        """Scores ``[B]`` of ``output[B, 1 | 2]``; higher is more likely the second class."""
        if output.shape[-1] == 1 or self.score == "bonafide":
            return output[..., -1]
        return output[..., -1] - output[..., 0]

    @torch.no_grad()
    def fit(self, slope: float, offset: float) -> None:
        """Set the calibration."""
        self.slope.fill_(slope)
        self.offset.fill_(offset)
        self.calibrated.fill_(True)

    @torch.no_grad()
    def forget(self) -> None:
        """Remove the calibration, which does not fit a model whose weights have changed."""
        self.slope.fill_(1.0)
        self.offset.zero_()
        self.calibrated.fill_(False)

    def logits(self, output: Tensor) -> Tensor:
        """Logits ``[B, 2]`` of ``output[B, 1 | 2]``. Their softmax is the probability of each class for equal priors."""
        ratio = self(output)
        return torch.stack([torch.zeros_like(ratio), ratio], dim=-1)

    def forward(self, output: Tensor) -> Tensor:
        """Log-likelihood ratios ``[B]`` of ``output[B, 1 | 2]``."""
        return self.slope * self.scores(output) + self.offset

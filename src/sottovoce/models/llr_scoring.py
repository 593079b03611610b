"""How the outputs of a two-class model become a log-likelihood ratio, which travels with the model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CLASSES = ("spoof", "bonafide")
"""What its two classes are called, in the order of the outputs."""


class LLRScoring(nn.Module):
    """A score of each recording, and its calibration: ``slope * score + offset`` is a log-likelihood ratio.

    The score is the difference of two logits (the second class less the first), or the one output there is.

    Attributes:
        slope, offset: of the calibration on development data.
        calibrated: whether there was any; until then the score itself stands for the ratio.
    """

    slope: Tensor
    offset: Tensor
    calibrated: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("slope", torch.tensor(1.0))
        self.register_buffer("offset", torch.tensor(0.0))
        self.register_buffer("calibrated", torch.tensor(False))

    @staticmethod
    def scores(output: Tensor) -> Tensor:
        """``[B]`` from the model's output ``[B, 1 | 2]``: higher is more likely the second class."""
        return output[..., -1] - output[..., 0] if output.shape[-1] == 2 else output[..., 0]

    @torch.no_grad()
    def fit(self, slope: float, offset: float) -> None:
        """Take over a calibration."""
        self.slope.fill_(slope)
        self.offset.fill_(offset)
        self.calibrated.fill_(True)

    @torch.no_grad()
    def forget(self) -> None:
        """Be without a calibration, as a model whose weights have changed is."""
        self.slope.fill_(1.0)
        self.offset.zero_()
        self.calibrated.fill_(False)

    def logits(self, output: Tensor) -> Tensor:
        """``[B, 2]`` whose softmax are probabilities of the two classes where both are as likely beforehand."""
        ratio = self(output)
        return torch.stack([torch.zeros_like(ratio), ratio], dim=-1)

    def forward(self, output: Tensor) -> Tensor:
        """Log-likelihood ratios ``[B]``."""
        return self.slope * self.scores(output) + self.offset

"""How two embeddings are compared: the cosine, after the mean of known speech is taken away."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CosineScoring(nn.Module):
    """Cosine similarity of embeddings less a mean; it travels with the model, so that scores mean the same everywhere.

    Args:
        size: width of the embeddings.

    Attributes:
        mean: ``[size]`` mean embedding of training speech (0 before it is fitted).
        threshold: scores from here on up mean "same speaker" (the equal-error point on development trials); NaN while
            unknown.
    """

    mean: Tensor
    threshold: Tensor

    def __init__(self, size: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("threshold", torch.tensor(float("nan")))

    @torch.no_grad()
    def fit_mean(self, embeddings: Tensor) -> None:
        """Take the mean of ``embeddings[N, E]`` of training speech."""
        self.mean.copy_(F.normalize(embeddings, dim=-1).mean(0))

    def centred(self, embeddings: Tensor) -> Tensor:
        """Unit vectors ``[N, E]`` whose products are scores."""
        return F.normalize(F.normalize(embeddings, dim=-1) - self.mean, dim=-1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Scores ``[N]`` of pairs of embeddings ``a[N, E]`` and ``b[N, E]``."""
        return (self.centred(a) * self.centred(b)).sum(-1)

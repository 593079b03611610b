"""Plain softmax over speakers: how x-vectors are trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Softmax(nn.Module):
    """A linear map and cross-entropy over speakers. It is not part of the saved model.

    Args:
        size: width of the embedding.
        classes: number of speakers.
    """

    def __init__(self, size: int, classes: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(classes, size))
        self.bias = nn.Parameter(torch.zeros(classes))
        nn.init.xavier_normal_(self.weight)

    def forward(self, embedding: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss, and the fraction of the batch whose most likely speaker is the true one.

        Args:
            embedding: embeddings ``[B, E]``.
            labels: speaker numbers ``[B]``, int64.
        """
        logits = F.linear(embedding.float(), self.weight, self.bias)
        return F.cross_entropy(logits, labels), (logits.argmax(1) == labels).float().mean()

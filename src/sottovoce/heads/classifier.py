"""An utterance into classes: attentive pooling of all hidden states, then one linear or angular map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoder.stream import Stream
from ..encoder.units import Macs
from .mhfa import MHFA


class Classifier(nn.Module):
    """`MHFA` and a map to classes: ``hidden states -> [B, classes]``.

    Args:
        stream, layers, width, heads, size: of the pooling.
        classes: outputs.
        angular: outputs are cosines between the embedding and a direction for each class, instead of logits.
    """

    def __init__(
        self,
        stream: Stream,
        layers: int,
        *,
        width: int = 128,
        heads: int = 32,
        size: int = 256,
        classes: int = 2,
        angular: bool = False,
    ):
        super().__init__()
        self.pooling = MHFA(stream, layers, width=width, heads=heads, size=size)
        self.angular = angular
        self.weight = nn.Parameter(torch.empty(classes, size))
        self.bias = None if angular else nn.Parameter(torch.zeros(classes))
        nn.init.xavier_uniform_(self.weight)

    @property
    def size(self) -> int:
        """Outputs."""
        return self.weight.shape[0]

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """``[B, classes]`` logits, or cosines where ``angular``."""
        embedding = self.pooling(hidden_states, lengths)
        if self.angular:
            return F.linear(F.normalize(embedding, dim=-1), F.normalize(self.weight, dim=-1))
        return F.linear(embedding, self.weight, self.bias)

    def macs(self) -> list[Macs]:
        return [Macs(lambda timing: 1, parameter="weight")]

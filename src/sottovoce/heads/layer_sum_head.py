"""Base class of heads that read one sequence: a sum of all hidden states, or the encoder's output."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Literal

import torch
from torch import Tensor, nn

from ..encoder.stream import ResidualStream
from .head import Head
from .layer_aggregation import linear_sum, weighted_sum

LayerCombination = Literal["sum", "linear", "last"]


class LayerSumHead(Head):
    """A head on one sequence ``[B, T, D]`` that is made from all hidden states.

    Args:
        stream: the residual stream of the encoder (`SpeechEncoder.stream`), whose channels the hidden states have.
        layers: number of hidden states, ``L + 1``.
        fusion: ``sum`` of all hidden states under softmax weights, ``linear`` sum with any weights, or the ``last`` one alone.
    """

    def __init__(self, stream: ResidualStream, layers: int, fusion: LayerCombination):
        super().__init__()
        self.stream, self.layers, self.fusion = stream, layers, fusion
        self.layer_weights = None if fusion == "last" else nn.Parameter(torch.empty(layers))
        LayerSumHead.initialize(self)

    @property
    def reads_encoder_output(self) -> bool:
        return self.fusion == "last"

    def initialize(self) -> None:
        if self.layer_weights is None:
            return
        if self.fusion == "sum":
            nn.init.ones_(self.layer_weights)
        else:  # as in a linear map from all layers to one
            nn.init.uniform_(self.layer_weights, -1 / sqrt(self.layers), 1 / sqrt(self.layers))

    def fused(self, hidden_states: Sequence[Tensor]) -> Tensor:
        """One sequence ``[B, T, D]`` from ``L + 1`` hidden states.

        Raises:
            ValueError: the number of hidden states is not the one that the head was built for.
        """
        self._check(hidden_states)
        if self.layer_weights is None:
            return hidden_states[-1]
        combine = weighted_sum if self.fusion == "sum" else linear_sum
        return combine(hidden_states, self.layer_weights)

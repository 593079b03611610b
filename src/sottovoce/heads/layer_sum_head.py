"""Base class of heads that read one sequence: a sum of all hidden states, or the encoder's output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..encoder.stream import ResidualStream
from .head import Head
from .layer_aggregation import weighted_sum

LayerCombination = Literal["sum", "last"]


class LayerSumHead(Head):
    """A head on one sequence ``[B, T, D]`` that is made from all hidden states.

    Args:
        stream: the residual stream of the encoder (`SpeechEncoder.stream`), whose channels the hidden states have.
        layers: number of hidden states, ``L + 1``.
        fusion: ``sum`` of all hidden states under softmax weights, or the ``last`` one alone.
    """

    def __init__(self, stream: ResidualStream, layers: int, fusion: LayerCombination):
        super().__init__()
        self.stream, self.layers, self.fusion = stream, layers, fusion
        self.layer_weights = nn.Parameter(torch.ones(layers)) if fusion == "sum" else None

    @property
    def reads_encoder_output(self) -> bool:
        return self.fusion == "last"

    def initialize(self) -> None:
        if self.layer_weights is not None:
            nn.init.ones_(self.layer_weights)

    def fused(self, hidden_states: Sequence[Tensor]) -> Tensor:
        """One sequence ``[B, T, D]`` from ``L + 1`` hidden states.

        Raises:
            ValueError: the number of hidden states is not the one that the head was built for.
        """
        self._check(hidden_states)
        return hidden_states[-1] if self.layer_weights is None else weighted_sum(hidden_states, self.layer_weights)

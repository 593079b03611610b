"""The joiner of a transducer: predicts the next label from a frame and the labels so far."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...encoder.stream import ResidualStream
from ...encoder.units import Gateable, Unit, rows, site


class Joiner(nn.Module):
    """``output(tanh(encoder(frame) + predictor(state)))``: the logits of the next label or the blank (1303.5778).

    Its inner width is a unit of the kind ``joiner``, which can be pruned. The transducer counts its MACs, because it knows
    the number of frames.

    Args:
        stream: the residual stream, whose channels the frames have.
        predictor: width of the predictor's states, ``E``.
        outputs: number of labels including the blank, ``V``.
        width: number of inner units, ``J``.
    """

    def __init__(self, stream: ResidualStream, predictor: int, outputs: int, *, width: int = 512):
        super().__init__()
        self.stream = stream
        self.encoder = nn.Linear(stream.width, width)
        self.predictor = nn.Linear(predictor, width)
        self.inner = Gateable()
        self.output = nn.Linear(width, outputs)

    def forward(self, frames: Tensor, states: Tensor) -> Tensor:
        """Logits ``[..., V]`` of projected ``frames[..., J]`` and ``states[..., J]``, whose other dimensions broadcast."""
        return self.output(self.inner((frames + states).tanh()))

    def gated_weight(self) -> Tensor:
        """``output.weight``, multiplied by the gates of the inner units if there are any.

        The loss computes the hidden layer itself and never calls `inner`. A gate on a unit then acts on its column here.
        """
        weight = self.output.weight
        return weight * self.inner(torch.ones(1, weight.shape[1], dtype=weight.dtype, device=weight.device))

    def units(self) -> list[Unit]:
        n = self.output.in_features
        producers = tuple(rows(f"{m}.{p}", 0, n) for m in ("encoder", "predictor") for p in ("weight", "bias"))
        consumers = (rows("output.weight", 1, n, fold=True),)
        width = Unit("width", "joiner", n, producers=producers, consumers=consumers, gates=(site("inner", n),), floor=1)
        return [width, self.stream.part(reads=["encoder.weight"])]

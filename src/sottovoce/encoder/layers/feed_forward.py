"""The feed-forward block of a layer."""

from __future__ import annotations

from torch import Tensor, nn

from ..stream import ResidualStream
from ..units import Gateable, MacTerm, Unit, rows, site
from .activations import activation


class FeedForward(nn.Module):
    """``x -> down(act(up(x)))``: ``[B, T, D] -> [B, T, D]``; without inner units its output is the output bias.

    Args:
        stream: the residual stream that it reads and writes.
        units: number of inner units.
        act: name of the activation.
        inner_dropout: dropout probability of the inner units.
        dropout: dropout probability of the output.
    """

    def __init__(self, stream: ResidualStream, units: int, *, act: str, inner_dropout: float, dropout: float):
        super().__init__()
        self.stream = stream
        self.up = nn.Linear(stream.width, units)
        self.act = activation(act)
        self.inner = Gateable()
        self.inner_dropout = nn.Dropout(inner_dropout)
        self.down = nn.Linear(units, stream.width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, T, D] -> [B, T, D]``."""
        return self.dropout(self.down(self.inner_dropout(self.inner(self.act(self.up(x))))))

    def units(self) -> list[Unit]:
        n = self.up.out_features
        inner = Unit(
            "units",
            "ffn",
            n,
            producers=(rows("up.weight", 0, n), rows("up.bias", 0, n)),
            consumers=(rows("down.weight", 1, n, fold=True),),
            gates=(site("inner", n),),
        )
        stream = self.stream.part(reads=["up.weight"], writes=["down.weight", "down.bias"], output="down")
        return [inner, stream]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda t: t.frames, parameter=p) for p in ("up.weight", "down.weight")]

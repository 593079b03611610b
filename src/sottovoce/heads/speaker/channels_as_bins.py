"""The channels of the residual stream as the bins of a spectrum."""

from __future__ import annotations

from torch import Tensor, nn

from ...encoder.stream import IndexTensor, ResidualStream


class ChannelsAsBins(nn.Module):
    """``[B, C, T] -> [B, original C, T]``: every channel of the stream at its original place, and zeros for pruned ones.

    Args:
        stream: the residual stream.
    """

    def __init__(self, stream: ResidualStream):
        super().__init__()
        self.original, self.whole = stream.original, stream.whole
        self.ids = IndexTensor(stream.ids)

    def forward(self, x: Tensor) -> Tensor:
        if self.whole:
            return x
        return x.new_zeros(len(x), self.original, x.shape[2]).index_copy(1, self.ids(x.device), x)

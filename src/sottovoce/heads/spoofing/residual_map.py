"""Residual two-dimensional convolutions over a map of bands and time (the encoder of AASIST, after RawNet2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.layers.safe_convolution import Conv2d
from ...encoder.units import MacTerm, Timing
from .spectral_maps import MaskedBatchNorm2d

KERNEL = 2, 3
"""Size of a convolution kernel, in bands and in columns."""


class ResidualMap(nn.Module):
    """``[B, 1, R, T] -> [B, C, R, T]`` through one `ResidualBlock` for each entry of ``channels``.

    Args:
        channels: output channels of each block.
        rows: number of bands, ``R``.
        columns: ``T`` as a function of the length of an utterance.
    """

    def __init__(self, channels: Sequence[int], *, rows: int, columns: Callable[[Timing], int]):
        super().__init__()
        inputs = [1, *channels[:-1]]
        self.blocks = nn.ModuleList(
            ResidualBlock(i, o, rows=rows, columns=columns, first=k == 0)
            for k, (i, o) in enumerate(zip(inputs, channels, strict=True))
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``mask[B, T]`` is True on valid columns; the others do not affect them."""
        for block in self.blocks:
            x = block(x, mask)
        return x


class ResidualBlock(nn.Module):
    """Norm and SELU (not in the first block), two convolutions with norm and SELU in between, and a residual connection.

    Args:
        inputs, outputs: number of channels.
        rows, columns: size of the map, see `ResidualMap`.
        first: whether it is the first block.
    """

    def __init__(self, inputs: int, outputs: int, *, rows: int, columns: Callable[[Timing], int], first: bool):
        super().__init__()
        self.rows, self.columns = rows, columns
        self.norm = None if first else MaskedBatchNorm2d(inputs)
        # The kernel over bands is even, so the first convolution adds a row and the second removes it.
        self.convolve = Conv2d(inputs, outputs, KERNEL, padding=(1, 1))
        self.middle_norm = MaskedBatchNorm2d(outputs)
        self.again = Conv2d(outputs, outputs, KERNEL, padding=(0, 1))
        self.around = Conv2d(inputs, outputs, (1, 3), padding=(0, 1)) if inputs != outputs else None

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = _masked(x, mask)
        y = x if self.norm is None else _masked(F.selu(self.norm(x, mask)), mask)
        y = F.selu(self.middle_norm(self.convolve(y), mask))
        y = self.again(_masked(y, mask))
        return y + (x if self.around is None else self.around(x))

    def macs(self) -> list[MacTerm]:
        def wide(timing: Timing) -> float:
            return (self.rows + 1) * self.columns(timing)

        def exact(timing: Timing) -> float:
            return self.rows * self.columns(timing)

        around = [] if self.around is None else [MacTerm(exact, "around.weight")]
        return [MacTerm(wide, "convolve.weight"), MacTerm(exact, "again.weight"), *around]


def _masked(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x.masked_fill(~mask[:, None, None], 0.0)

"""Residual two-dimensional convolutions over a map of bands and time (the encoder of AASIST, after RawNet2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.layers.frame_masks import frame_mask
from ...encoder.layers.safe_convolution import Conv2d
from ...encoder.units import Gateable, MacTerm, Timing, Unit, rows, site
from .graph_attention import Count
from .map_pooling import POOL
from .spectral_maps import MaskedBatchNorm2d

KERNEL = 2, 3
"""Size of a convolution kernel, in bands and in columns."""

InputNorm: TypeAlias = Literal["none", "idle", "applied"]
"""What stands in front of the first convolution of all blocks but the first: nothing; norm and SELU; or a norm that is
stored and not computed, as in the published code, which computes norm and SELU and then convolves the block's input."""

Residual: TypeAlias = Literal["coded", "drawn"]
"""Whether blocks convolve their input as it is, as in the code of the authors, or after norm and SELU, as in their paper."""


@dataclass(frozen=True)
class Pooled:
    """A number of columns after poolings.

    Args:
        columns: the number before.
        poolings: how often three columns have become one.
    """

    columns: Count
    poolings: int

    def __call__(self, timing: Timing) -> int:
        return self.columns(timing) // POOL**self.poolings


class ResidualMap(nn.Module):
    """``[B, 1, R, T] -> [B, C, R, T']`` through one `ResidualBlock` for each entry of ``channels``.

    The channels between the two convolutions of a block are units of the kind ``map``, which can be pruned.

    Args:
        channels: output channels of each block.
        inner: channels between the convolutions of each block.
        rows: number of bands, ``R``.
        columns: ``T`` as a function of the length of an utterance.
        norm: what stands in front of the convolutions.
        pooled: whether each block makes one column of three (the largest value).
    """

    def __init__(
        self,
        channels: Sequence[int],
        inner: Sequence[int],
        *,
        rows: int,
        columns: Count,
        norm: InputNorm,
        pooled: bool = False,
    ):
        super().__init__()
        inputs = [1, *channels[:-1]]
        self.blocks = nn.ModuleList(
            ResidualBlock(
                *widths,
                rows=rows,
                columns=Pooled(columns, i) if pooled else columns,
                norm="none" if i == 0 else norm,
                pooled=pooled,
            )
            for i, widths in enumerate(zip(inputs, inner, channels, strict=True))
        )
        self.columns = Pooled(columns, len(channels)) if pooled else columns

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The map ``[B, C, R, T']`` and the mask of its columns; ``mask[B, T]`` is True on valid columns of the input."""
        for block in self.blocks:
            x, mask = block(x, mask)
        return x, mask

    def units(self) -> list[Unit]:
        return [block.inner_unit(f"inner.{i}", f"blocks.{i}.") for i, block in enumerate(self.blocks)]  # type: ignore[operator]


class ResidualBlock(nn.Module):
    """Two convolutions with norm and SELU in between, a residual connection, and a pooling.

    Args:
        inputs, inner, outputs: number of channels.
        rows, columns: size of the map, see `ResidualMap`.
        norm: what stands in front of the first convolution.
        pooled: whether the block makes one column of three.
    """

    def __init__(
        self, inputs: int, inner: int, outputs: int, *, rows: int, columns: Count, norm: InputNorm, pooled: bool
    ):
        super().__init__()
        self.rows, self.columns, self.pooled = rows, columns, pooled
        self.norm = None if norm == "none" else MaskedBatchNorm2d(inputs)
        self.applies_norm = norm == "applied"
        if self.norm is not None and not self.applies_norm:
            self.norm.requires_grad_(False)
        # The kernel over bands is even, so the first convolution adds a row and the second removes it.
        self.convolve = Conv2d(inputs, inner, KERNEL, padding=(1, 1))
        self.middle_norm = MaskedBatchNorm2d(inner)
        self.inner = Gateable()
        self.again = Conv2d(inner, outputs, KERNEL, padding=(0, 1))
        self.around = Conv2d(inputs, outputs, (1, 3), padding=(0, 1)) if inputs != outputs else None

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The output, and the mask of its columns."""
        x = _masked(x, mask)
        y = x
        if self.applies_norm and self.norm is not None:
            y = _masked(F.selu(self.norm(x, mask)), mask)
        y = F.selu(self.middle_norm(self.convolve(y), mask))
        y = self.inner(y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # gates act on the last dimension
        y = self.again(_masked(y, mask)) + (x if self.around is None else self.around(x))
        if not self.pooled:
            return y, mask
        return F.max_pool2d(y, (1, POOL)), None if mask is None else frame_mask(mask.sum(1) // POOL, y.shape[3] // POOL)

    def inner_unit(self, name: str, path: str) -> Unit:
        """The unit of the channels between the convolutions.

        Args:
            name: path of their number in the shape.
            path: where this block is in the module that declares the unit.
        """
        n = self.convolve.out_channels
        norm = [f"middle_norm.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        producers = tuple(rows(path + each, 0, n) for each in ("convolve.weight", "convolve.bias", *norm))
        consumers = (rows(f"{path}again.weight", 1, n, fold=True),)
        return Unit(name, "map", n, producers=producers, consumers=consumers, gates=(site(f"{path}inner", n),), floor=1)

    def macs(self) -> list[MacTerm]:
        def wide(timing: Timing) -> float:
            return (self.rows + 1) * self.columns(timing)

        def exact(timing: Timing) -> float:
            return self.rows * self.columns(timing)

        around = [] if self.around is None else [MacTerm(exact, "around.weight")]
        return [MacTerm(wide, "convolve.weight"), MacTerm(exact, "again.weight"), *around]


def _masked(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x.masked_fill(~mask[:, None, None], 0.0)

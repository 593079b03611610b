"""Downsampling of frames by a learned linear map of neighboring frames into one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers.convolution import Count, StridedConv
from ..layers.frame_masks import frame_mask
from ..stream import ResidualStream
from ..units import Gateable, Unit


class Downsampling(StridedConv):
    """Every ``factor`` frames of the residual stream become one: ``[B, T, D] -> [B, ceil(T / factor), D]``.

    It is initialized as their mean, so that a network that was trained without it keeps what it has learned. Frames that
    are missing in the last group of an utterance are zero, whether it is padded or not. Its cost is declared by the
    network that owns it, which knows the number of input frames.

    Args:
        stream: the residual stream that it reads and writes.
        factor: number of frames that become one.
    """

    def __init__(self, stream: ResidualStream, factor: int):
        super().__init__(stream.width, stream.width, factor, factor, bias=True)
        self.stream = stream
        self.out = Gateable()

    def frames(self, length: Count) -> Count:
        """Number of output frames for ``length`` input frames, which is a number or a tensor of numbers."""
        return (length + self.stride - 1) // self.stride

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """``[B, T, D] -> [B, ceil(T / factor), D]``.

        Args:
            x: the residual stream.
            lengths: ``[B]`` valid frames of each utterance; ``None``: all are valid.
        """
        T = x.shape[1]
        if lengths is not None:
            x = x.masked_fill(~frame_mask(lengths, T)[..., None], 0.0)
        return self.out(super().forward(F.pad(x, (0, 0, 0, -T % self.stride))))

    @torch.no_grad()
    def initialize(self) -> None:
        """Set the weights so that the output is the mean of the frames."""
        ids = torch.arange(self.stream.width)
        nn.init.zeros_(self.weight)
        self.weight[ids, ids] = 1 / self.stride
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def units(self) -> list[Unit]:
        return [self.stream.part(reads=["weight"], writes=["weight", "bias"], output="out")]

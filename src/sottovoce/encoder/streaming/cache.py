"""The state of a stream through an encoder, as a value that is passed in; the modules themselves keep no state."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..frontend.feature_norm import RunningStats


@dataclass
class LayerCache:
    """The state of one layer: keys and values of attention, and the last inputs of the depthwise convolution.

    Args:
        past: number of frames whose keys and values are kept.
        keys: ``[B, H, K, d]`` with ``K <= past``; ``None`` before the first chunk.
        values: like ``keys``.
        tail: ``[B, C, kernel - 1]`` last inputs of the convolution; ``None`` before the first chunk.
    """

    past: int
    keys: Tensor | None = None
    values: Tensor | None = None
    tail: Tensor | None = None

    def attend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values ``[B, H, K + T, d]``: the kept ones, followed by those of a new chunk ``[B, H, T, d]``."""
        if self.keys is not None and self.values is not None:
            keys, values = torch.cat([self.keys, keys], 2), torch.cat([self.values, values], 2)
        gone = max(keys.shape[2] - self.past, 0)
        self.keys, self.values = keys[:, :, gone:], values[:, :, gone:]
        return keys, values

    def extend(self, x: Tensor, size: int) -> Tensor:
        """``[B, C, size + T]``: a new chunk ``[B, C, T]`` after the ``size`` inputs before it, zeros at first."""
        tail = x.new_zeros(*x.shape[:2], size) if self.tail is None else self.tail
        x = torch.cat([tail, x], 2)
        self.tail = x[:, :, x.shape[2] - size :]
        return x


@dataclass
class StreamState:
    """The state of an encoder in a stream; its size does not grow with the stream.

    Args:
        layers: the state of each layer.
        past: number of frames whose keys and values each layer keeps.
        stats: running statistics of the features.
        frames: number of frames so far.
    """

    layers: list[LayerCache]
    past: int
    stats: RunningStats = field(default_factory=RunningStats)
    frames: int = 0

    @classmethod
    def empty(cls, layers: int, past: int) -> StreamState:
        """The state at the start of a stream."""
        return cls([LayerCache(past) for _ in range(layers)], past)

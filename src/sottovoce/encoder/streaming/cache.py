"""What an encoder remembers of earlier chunks, as a value that is passed in: the modules themselves keep nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..frontend.feature_norm import RunningStats


@dataclass
class LayerCache:
    """Of one layer: keys and values of attention, and the end of what the depthwise convolution has heard.

    Args:
        past: frames of keys and values that are kept.
        keys, values: ``[B, H, K, d]``, ``K <= past``; nothing at first.
        tail: ``[B, C, kernel - 1]``; nothing at first.
    """

    past: int
    keys: Tensor | None = None
    values: Tensor | None = None
    tail: Tensor | None = None

    def attend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """The keys and values that are remembered, with those of a new chunk ``[B, H, T, d]`` behind them."""
        if self.keys is not None and self.values is not None:
            keys, values = torch.cat([self.keys, keys], 2), torch.cat([self.values, values], 2)
        gone = max(keys.shape[2] - self.past, 0)
        self.keys, self.values = keys[:, :, gone:], values[:, :, gone:]
        return keys, values

    def extend(self, x: Tensor, size: int) -> Tensor:
        """``[B, C, size + T]``: a new chunk ``[B, C, T]`` with what stood before it, zeros at the very beginning."""
        tail = x.new_zeros(*x.shape[:2], size) if self.tail is None else self.tail
        x = torch.cat([tail, x], 2)
        self.tail = x[:, :, x.shape[2] - size :]
        return x


@dataclass
class StreamState:
    """Of a whole encoder; its size does not grow with the stream.

    Args:
        layers: a cache for each.
        past: frames that each of them keeps.
        stats: statistics of the features.
        frames: how many there have been.
    """

    layers: list[LayerCache]
    past: int
    stats: RunningStats = field(default_factory=RunningStats)
    frames: int = 0

    @classmethod
    def empty(cls, layers: int, past: int) -> StreamState:
        """At the beginning of a stream."""
        return cls([LayerCache(past) for _ in range(layers)], past)

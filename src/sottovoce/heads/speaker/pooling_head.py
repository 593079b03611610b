"""Heads that make one vector of an utterance in two halves: frames, and a pooling of those that a mask chooses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ...encoder.layers.frame_masks import mask_if_padded
from ...encoder.units import MacTerm, Unit
from ..head import Embedder
from ..layer_aggregation import LayerAggregation
from ..options import Choice
from .pooling import build_pooling


class PoolingHead(Embedder):
    """A head whose frames a diarization pipeline computes once and pools once for each speaker, under that speaker's mask."""

    @abstractmethod
    def frames(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """What there is to pool, ``[B, T, F]``, from ``L + 1`` hidden states ``[B, T, D]`` and ``lengths[B]`` in frames.

        Raises:
            ValueError: another number of hidden states than the head was built for.
        """

    @abstractmethod
    def pool(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, size]`` of ``frames[B, T, F]`` where ``mask[B, T]`` is True (some must be).

        The frames of one utterance, ``[1, T, F]``, may be given with many masks ``[K, T]``.
        """

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """``[B, size]`` from ``L + 1`` hidden states ``[B, T, D]`` and ``lengths[B]`` in frames.

        Raises:
            ValueError: another number of hidden states than the head was built for.
        """
        frames = self.frames(hidden_states, lengths)
        return self.pool(frames, mask_if_padded(lengths, frames.shape[1]))


class FrameEncoder(nn.Module, ABC):
    """The frame-level network of a speaker embedder: ``[B, inputs, T] -> [B, width, T]``, as many frames out as in."""

    width: int
    """Channels out."""

    reads: tuple[str, ...]
    """The weights whose dimension 1 reads the input."""

    @abstractmethod
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, width, T]``; ``mask[B, T]`` is True on frames that are no padding."""

    def initialize(self) -> None:
        """Give bare parameters their first values, see `Head.initialize`."""


class VectorNorm(nn.BatchNorm1d):
    """Batch norm of one vector an utterance, ``[B, C] -> [B, C]``.

    A batch of one has no statistics: it is brought to the running ones, as in evaluation, and they stay as they are.
    """

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 1:
            return super().forward(x)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class SpeakerEmbedder(PoolingHead):
    """LayerAggregation, trunk, pooling, embedding: the shape that all published speaker embedders have::

        hidden states ─▶ fusion ─▶ trunk ─▶ pooling ─▶ norm ─▶ embed ─▶ [B, size]
        [L+1, B, T, D]   [B, C, T]  [B, C', T]  [B, P]

    Args:
        layers: number of hidden states, ``L + 1``.
        fusion: makes one stream of frames of them.
        trunk: what happens to each frame in its context.
        pooled: the pooling, as configs write it (see `build_pooling`).
        size: of the embedding.
        norm: batch norm of what was pooled.
        out_norm: batch norm of the embedding.
    """

    def __init__(
        self,
        layers: int,
        *,
        fusion: LayerAggregation,
        trunk: FrameEncoder,
        pooled: Choice,
        size: int,
        norm: bool = True,
        out_norm: bool = False,
    ):
        super().__init__()
        self.layers = layers
        self.fusion = fusion
        self.trunk = trunk
        self.pooling = build_pooling(trunk.width, pooled)
        self.norm = VectorNorm(self.pooling.size) if norm else None
        self.embed = nn.Linear(self.pooling.size, size)
        self.out_norm = VectorNorm(size) if out_norm else None

    @property
    def size(self) -> int:
        return self.embed.out_features

    def initialize(self) -> None:
        self.fusion.initialize()
        self.trunk.initialize()

    def frames(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        self._check(hidden_states)
        mask = mask_if_padded(lengths, hidden_states[0].shape[1])
        return self.trunk(self.fusion(hidden_states, mask), mask).transpose(1, 2)

    def pool(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        pooled = self.pooling(frames, mask)
        embedding = self.embed(pooled if self.norm is None else self.norm(pooled))
        return embedding if self.out_norm is None else self.out_norm(embedding)

    def units(self) -> list[Unit]:
        return self.fusion.reader(*(f"trunk.{weight}" for weight in self.trunk.reads))

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: 1, "embed.weight")]

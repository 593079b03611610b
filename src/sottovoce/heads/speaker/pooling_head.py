"""Heads that make a speaker embedding in two steps: a frame-level network, and a pooling of the frames in a mask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from ...encoder.layers.convolution import Count
from ...encoder.layers.frame_masks import mask_if_padded
from ...encoder.units import MacTerm, Timing, Unit
from ..frames import VectorNorm, all_frames, set_count
from ..head import Embedder
from ..layer_aggregation import LayerAggregation
from ..options import Choice
from .pooling import build_pooling


class PoolingHead(Embedder):
    """A head whose frames a diarization pipeline computes once, and then pools for each speaker with that speaker's mask."""

    @abstractmethod
    def frames(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """Frames ``[B, T', F]`` to pool, from ``L + 1`` hidden states ``[B, T, D]`` and ``lengths[B]`` in frames.

        Raises:
            ValueError: the number of hidden states is not the one that the head was built for.
        """

    def pooled_frames(self, frames: Count) -> Count:
        """How many of them there are for ``frames`` frames of the hidden states (a number, or a tensor of numbers)."""
        return frames

    @abstractmethod
    def pool(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        """Embeddings ``[B, size]`` of the frames of ``frames[B, T, F]`` on which ``mask[B, T]`` is True, at least one each.

        The frames of one utterance, ``[1, T, F]``, can be pooled with several masks ``[K, T]``.
        """

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """Embeddings ``[B, size]`` from ``L + 1`` hidden states ``[B, T, D]`` and ``lengths[B]`` in frames.

        Raises:
            ValueError: the number of hidden states is not the one that the head was built for.
        """
        frames = self.frames(hidden_states, lengths)
        left = None if lengths is None else self.pooled_frames(lengths)
        return self.pool(frames, mask_if_padded(left, frames.shape[1]))


class FrameEncoder(nn.Module, ABC):
    """The frame-level network of a speaker embedder: ``[B, inputs, T] -> [B, width, T']``."""

    width: int
    """Number of output channels."""

    reads: tuple[str, ...]
    """Names of the weights whose dimension 1 reads the input."""

    count: Callable[[Timing], float] = staticmethod(all_frames)
    """Number of output frames, for counting multiplications."""

    @abstractmethod
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, width, T']``; ``mask[B, T]`` is True on frames that are not padding."""

    def output_frames(self, frames: Count) -> Count:
        """``T'`` for ``T`` frames (a number, or a tensor of numbers); by default as many."""
        return frames

    def initialize(self) -> None:
        """Initialize bare parameters, see `Head.initialize`."""


class SpeakerEmbedder(PoolingHead):
    """Layer aggregation, trunk, pooling and a linear map: the structure of all published speaker embedders here::

        hidden states ─▶ fusion ─▶ trunk ─▶ pooling ─▶ norm ─▶ embed ─▶ [B, size]
        [L+1, B, T, D]   [B, C, T]  [B, C', T'] [B, P]

    Args:
        layers: number of hidden states, ``L + 1``.
        fusion: makes one sequence of frames from them.
        trunk: the frame-level network.
        pooled: the pooling, as configs write it (see `build_pooling`).
        size: dimension of the embedding.
        norm: whether the pooled vector passes a batch norm.
        out_norm: whether the embedding passes a batch norm.
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
        set_count(self.pooling, trunk.count)
        self.norm = VectorNorm(self.pooling.size) if norm else None
        self.embed = nn.Linear(self.pooling.size, size)
        self.out_norm = VectorNorm(size) if out_norm else None

    @property
    def size(self) -> int:
        return self.embed.out_features

    @property
    def reads_encoder_output(self) -> bool:
        return self.fusion.reads_encoder_output

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

    def pooled_frames(self, frames: Count) -> Count:
        return self.trunk.output_frames(frames)

    def units(self) -> list[Unit]:
        return self.fusion.reader(*(f"trunk.{weight}" for weight in self.trunk.reads))

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: 1, "embed.weight")]

"""A pooling head with options and with units of a kind that another module of this package declares."""

from collections.abc import Sequence
from typing import Annotated

from torch import Tensor, nn

from sottovoce.encoder.config import Shape
from sottovoce.encoder.stream import ResidualStream
from sottovoce.encoder.units import MacTerm, Unit
from sottovoce.heads.options import Between, EmbeddingSize, Width
from sottovoce.heads.speaker.frame_statistics import attention_weights
from sottovoce.heads.speaker.pooling_head import PoolingHead
from whispers.lobes import Lobes


class LobedPooling(PoolingHead):
    """Frames of the last hidden state, pooled by one attention, through lobes.

    Args:
        stream, layers: of the encoder.
        temperature: by which the scores of frames are divided.
        lobes: inner units.
        size: of the embedding.
        shape: what is left of the lobes after pruning.
    """

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        temperature: Annotated[float, Between(0.1, 10)] = 1.0,
        lobes: Width = 16,
        size: EmbeddingSize = 8,
        shape: Shape | None = None,
    ):
        super().__init__()
        self.stream, self.layers, self.temperature = stream, layers, temperature
        self.original_shape = {"mix": {"lobes": lobes}}
        self.shape = shape or self.original_shape
        self.score = nn.Linear(stream.width, 1)
        self.mix = Lobes(stream.width, self.shape["mix"]["lobes"], size)

    @property
    def size(self) -> int:
        return self.mix.down.out_features

    def frames(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """``[B, T, D]`` of ``L + 1`` hidden states ``[B, T, D]``."""
        self._check(hidden_states)
        return hidden_states[-1]

    def pool(self, frames: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, T, D] -> [B, size]``"""
        weights = attention_weights(self.score(frames) / self.temperature, mask)  # [B, T, 1]
        return self.mix((weights * frames).sum(1))

    def units(self) -> list[Unit]:
        return [self.stream.part(reads=["score.weight", "mix.up.weight"])]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: timing.frames, "score.weight")]

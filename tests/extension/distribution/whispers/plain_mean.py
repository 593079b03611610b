"""A head in a file that needs nothing but torch and sottovoce's own heads: a portable copy can carry it."""

from collections.abc import Sequence

from torch import Tensor, nn

from sottovoce.encoder.layers.frame_masks import mask_if_padded
from sottovoce.encoder.stream import ResidualStream
from sottovoce.encoder.units import MacTerm, Unit
from sottovoce.heads.head import Embedder
from sottovoce.heads.options import EmbeddingSize


class PlainMean(Embedder):
    """The mean of the last hidden state over time, through one linear map.

    Args:
        stream, layers: of the encoder.
        size: of the embedding.
    """

    def __init__(self, stream: ResidualStream, layers: int, *, size: EmbeddingSize = 8):
        super().__init__()
        self.stream, self.layers = stream, layers
        self.project = nn.Linear(stream.width, size)

    @property
    def size(self) -> int:
        return self.project.out_features

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """``[B, size]`` of ``L + 1`` hidden states ``[B, T, D]``."""
        self._check(hidden_states)
        x = hidden_states[-1]
        mask = mask_if_padded(lengths, x.shape[1])
        if mask is None:
            return self.project(x.mean(1))
        return self.project(x.masked_fill(~mask[..., None], 0.0).sum(1) / mask.sum(1, keepdim=True))

    def units(self) -> list[Unit]:
        return [self.stream.part(reads=["project.weight"])]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: 1, "project.weight")]

"""RawNet3 as published, on the waveform (2203.08488), in the form of ESPnet (espnet2/spk/encoder/rawnet3_encoder.py,
espnet2/asr/frontend/asteroid_frontend.py, espnet2/spk/projector/rawnet3_projector.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from torch import Tensor, nn

from ....encoder.stream import ResidualStream
from ....encoder.units import MacTerm
from ....errors import CheckpointError
from ....text.plain_data import whole_in
from ...frames import set_count
from ...head import Embedder
from ...on_waveform import check_long_enough, check_reads_waveform
from ...options import Between, EmbeddingSize, OptionValues, Stride, Width
from ..pooling import PoolingChoice, build_pooling
from ..pooling_head import VectorNorm
from ..res2 import GroupedChannels, Groups, check_groups
from .rawnet3 import RawNet3Encoder
from .sinc_filterbank import SincFilterbank

POOLS = (5, 3)
"""How many frames become one after the first block, and after the second: 1 ms, 5 ms, 15 ms."""


class SincRawNet3(Embedder):
    """A learned filterbank, three Res2 blocks with poolings in between, and channel-attentive statistics, for an encoder
    without layers (``front_end: samples``)::

        waveform [B, S] ─▶ sinc filterbank, 1 ms ─▶ block ─▶ max of 5 ─▶ block ─▶ max of 3 ─▶ block ─▶ all three [B, 1536, T]
                        ─▶ pooling ─▶ norm ─▶ embed ─▶ [B, size]

    Args:
        stream, layers: the residual stream and the number of hidden states of the encoder, see `Head`.
        filters: Number of filters, even.
        taps: Length of each filter, odd.
        stride: Samples from one frame to the next.
        channels: Channels of the blocks.
        scale: Groups of channels inside a block.
        wide: Channels of the last frame-level layer, whose output is pooled.
        size: Dimension of the embedding.
        pooling: How the frames become one vector, see `pooling`.

    Raises:
        CheckpointError: the encoder gives something else than the waveform, or options that do not fit each other.
    """

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        filters: Annotated[int, Between(2, 4096)] = 256,
        taps: Annotated[int, Between(3, 4095)] = 251,
        stride: Stride = 16,
        channels: GroupedChannels = 1024,
        scale: Groups = 8,
        wide: Width = 1536,
        size: EmbeddingSize = 256,
        pooling: PoolingChoice = "channel_attentive",
    ):
        check_reads_waveform("sinc_rawnet3", stream, layers)
        self.check({"filters": filters, "taps": taps, "channels": channels, "scale": scale})
        super().__init__()
        self.layers = layers
        self.filterbank = SincFilterbank(filters, taps, stride)
        self.trunk = RawNet3Encoder(
            filters, channels, scale, wide, pools=POOLS, mapped=filters != channels, count=self.filterbank.frames
        )
        self.pooling = build_pooling(wide, pooling)
        set_count(self.pooling, self.trunk.count)
        self.norm = VectorNorm(self.pooling.size)
        self.embed = nn.Linear(self.pooling.size, size)
        self.trunk.initialize()

    @staticmethod
    def check(options: OptionValues) -> None:
        """Check that filters come in pairs and have a middle, and that channels can be divided into groups.

        Raises:
            CheckpointError: they do not.
        """
        check_groups(options)
        filters, taps = whole_in(options, "filters"), whole_in(options, "taps")
        if filters % 2:
            raise CheckpointError(f"{filters} filters make no pairs; take an even number")
        if taps % 2 == 0:
            raise CheckpointError(f"the number of filter taps must be odd, not {taps}")

    @property
    def size(self) -> int:
        return self.embed.out_features

    @property
    def min_samples(self) -> int:
        """The least number of samples that makes a frame to pool."""
        return (POOLS[0] * POOLS[1] - 1) * self.filterbank.stride + self.filterbank.taps

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """Embeddings ``[B, size]`` from the waveform, one hidden state ``[B, S, 1]``, and ``lengths[B]`` in samples.

        Raises:
            AudioError: an utterance that is too short for one frame.
            ValueError: more hidden states than one.
        """
        self._check(hidden_states)
        wave = hidden_states[0][..., 0]
        check_long_enough(lengths, wave.shape[1], self.min_samples)
        frames, mask = self.trunk.reduced(*self.filterbank(wave, lengths))
        return self.embed(self.norm(self.pooling(frames.transpose(1, 2), mask)))

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: 1, "embed.weight")]

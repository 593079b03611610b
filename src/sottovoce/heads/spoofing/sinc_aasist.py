"""AASIST as published, on the waveform (2110.01200; the authors' code: clovaai/aasist, models/AASIST.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional as F

from ...encoder.config import Shape
from ...encoder.layers.frame_masks import frame_mask, mask_if_padded
from ...encoder.layers.safe_convolution import conv1d
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm, Timing
from ...errors import CheckpointError
from ...text.plain_data import whole_in
from ..head import Embedder
from ..on_waveform import check_long_enough, check_reads_waveform
from ..options import Between, OptionValues, Width, Widths
from .aasist import initialize_convolutions
from .map_pooling import POOL
from .residual_map import Residual, ResidualMap
from .sinc_filters import band_pass_filters
from .spectral_maps import MaskedBatchNorm2d
from .stack_graphs import Ratios, StackGraphs


@dataclass(frozen=True)
class SincColumns:
    """The number of columns of the map of a waveform, after its first pooling."""

    taps: int

    def __call__(self, timing: Timing) -> int:
        return (timing.frames - self.taps + 1) // POOL


class SincAASIST(Embedder):
    """An embedding of a waveform, for an encoder without layers (``front_end: samples``)::

        waveform [B, S] ─▶ 70 fixed band-pass filters ─▶ absolute values ─▶ max of 3 x 3 [B, 1, 23, S/3] ─▶ norm, SELU
                        ─▶ residual convolutions, each with a pooling of 3 columns [B, 64, 23, S/3⁷]
                  ┌─ largest over time ─▶ 23 spectral nodes ──┐
              ─▶ ─┤                                           ├─▶ graphs [B, 160]
                  └─ largest over bands ─▶ S/3⁷ temporal nodes ┘

    The published network was trained on 64,600 samples, to which longer recordings are cut and shorter ones are repeated
    (``fixed_samples`` of the encoder). The head itself takes any length of at least 2,315 samples.

    Args:
        stream, layers: the residual stream and the number of hidden states of the encoder, see `Head`.
        filters: Number of filters.
        taps: Length of each filter, odd.
        channels: Channels of each residual convolution; the last is also the width of nodes.
        width: Width of nodes after stack attention; the embedding has five times as many entries.
        ratios: Shares of the nodes that poolings keep: of spectral nodes, of temporal nodes, of both after stack attention.
        masked: Neighboring filters of which a training step silences up to this many, less one; 0: none.
        residual: Residual blocks as ``coded`` by the authors, or as ``drawn`` in their paper.
        shape: widths that remain after pruning; ``None`` for an unpruned head.

    Raises:
        CheckpointError: the encoder gives something else than the waveform, or options that do not fit each other.
    """

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        filters: Annotated[int, Between(POOL, 4096)] = 70,
        taps: Annotated[int, Between(1, 4095)] = 129,
        channels: Widths = (32, 32, 64, 64, 64, 64),
        width: Width = 32,
        ratios: Ratios = (0.5, 0.7, 0.5),
        masked: Annotated[int, Between(0, 4096)] = 0,
        residual: Residual = "coded",
        shape: Shape | None = None,
    ):
        check_reads_waveform("sinc_aasist", stream, layers)
        self.check({"filters": filters, "taps": taps, "ratios": ratios, "masked": masked})
        super().__init__()
        self.layers, self.filters, self.taps, self.masked = layers, filters, taps, masked
        self.columns = SincColumns(taps)
        self.norm = MaskedBatchNorm2d(1)
        self.original_shape = {"map": {"inner": list(channels)}}
        self.shape = shape or self.original_shape
        self.map = ResidualMap(
            channels,
            self.shape["map"]["inner"],
            rows=filters // POOL,
            columns=self.columns,
            norm="idle" if residual == "coded" else "applied",
            pooled=True,
        )
        self.graphs = StackGraphs(
            channels[-1], width, spectral=filters // POOL, temporal=self.map.columns, ratios=ratios
        )
        self.initialize()

    @staticmethod
    def check(options: OptionValues) -> None:
        """Check that filters are of odd length, that not all can be silenced, and that there are three ratios.

        Raises:
            CheckpointError: they are not.
        """
        taps, masked, filters = (whole_in(options, name) for name in ("taps", "masked", "filters"))
        if taps % 2 == 0:
            raise CheckpointError(f"the number of filter taps must be odd, not {taps}; take {taps + 1}")
        if masked > filters:
            raise CheckpointError(f"{masked} of {filters} filters cannot be masked; take fewer")
        if isinstance(ratios := options["ratios"], Sequence) and len(ratios) != 3:
            raise CheckpointError(f"{len(ratios)} ratios; there are three poolings, so give three")

    @property
    def size(self) -> int:
        return self.graphs.size

    @property
    def min_samples(self) -> int:
        """The least number of samples that makes a temporal node."""
        return POOL ** (1 + len(self.map.blocks)) + self.taps - 1

    def initialize(self) -> None:
        initialize_convolutions(self)
        self.graphs.initialize()

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """Embeddings ``[B, 5 * width]`` from the waveform, one hidden state ``[B, S, 1]``, and ``lengths[B]`` in samples.

        Raises:
            AudioError: an utterance that is too short for one temporal node.
            ValueError: more hidden states than one.
        """
        self._check(hidden_states)
        wave = hidden_states[0].to(self.norm.weight.dtype).transpose(1, 2)
        check_long_enough(lengths, wave.shape[2], self.min_samples)
        mask = self._mask(lengths, wave.shape[2])
        x = conv1d(wave, self._filters().to(wave)[:, None]).abs()  # [B, filters, S - taps + 1]
        x = F.max_pool2d(x[:, None], POOL)
        x, mask = self.map(F.selu(self.norm(x, mask)), mask)
        magnitude = x.abs() if mask is None else x.abs().masked_fill(~mask[:, None, None], 0.0)
        return self.graphs(magnitude.amax(3).transpose(1, 2), magnitude.amax(2).transpose(1, 2), mask)

    def _mask(self, lengths: Tensor | None, samples: int) -> Tensor | None:
        """The mask of the columns of the map; ``None`` where no utterance is padded."""
        if mask_if_padded(lengths, samples) is None or lengths is None:
            return None
        return frame_mask((lengths - self.taps + 1) // POOL, (samples - self.taps + 1) // POOL)

    def _filters(self) -> Tensor:
        """The filters ``[filters, taps]``, some of them silenced in training. They are computed in every call, so that no
        conversion and no checkpoint can change them."""
        found = band_pass_filters(self.filters, self.taps)
        if self.training and self.masked:
            count = int(torch.randint(self.masked, ()))
            first = int(torch.randint(self.filters - count + 1, ()))
            found[first : first + count] = 0
        return found

    def macs(self) -> list[MacTerm]:
        def filtered(timing: Timing) -> float:
            return (timing.frames - self.taps + 1) * self.filters * self.taps

        return [MacTerm(filtered)]

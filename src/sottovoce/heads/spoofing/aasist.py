"""AASIST on the hidden states of a self-supervised encoder (2110.01200; with such features: 2202.12233)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.checks.values import WIDTH
from ...encoder.config import Shape
from ...encoder.layers.frame_masks import mask_if_padded
from ...encoder.layers.safe_convolution import Conv2d
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm, Timing, Unit
from ..head import Embedder
from ..layer_aggregation import AggregationChoice, build_layer_aggregation
from ..options import Between, EmbeddingSize, Width, Widths
from .map_pooling import POOL, pooled_columns, pooled_map
from .residual_map import InputNorm, Residual, ResidualMap
from .spectral_maps import MaskedBatchNorm2d
from .stack_graphs import StackGraphs

PLAIN_SUM = {"kind": "sum", "normalize": "none"}
"""A layer sum that is not normalized over the utterance, which would remove constant properties of a recording. The batch
norm after the projection scales the features instead."""

RATIOS = (0.5, 0.5, 0.5)
"""Every pooling of nodes keeps half of them (SSL_Anti-spoofing, model.py)."""


def columns(timing: Timing) -> int:
    """The number of columns of the map."""
    return pooled_columns(timing.frames)


class AASIST(Embedder):
    """An embedding from graphs over the spectrum and over the time of an utterance::

        hidden states ─ fusion ─▶ project ─▶ map [B, 1, 128, T] ─▶ max of 3 x 3 ─▶ residual convolutions [B, 64, 42, T/3]
                  ┌─ attention over time ─▶ 42 spectral nodes ─┐
              ─▶ ─┤                                            ├─▶ graphs [B, 160]
                  └─ attention over bands ─▶ T/3 temporal nodes┘

    The published network takes crops of 64,600 samples, this one any length. (One or two frames left over at the end also
    make a node, so one frame is enough.) Its code convolves the input of each residual block as it is, where the paper draws
    norm and SELU in front; ``residual`` chooses.

    Args:
        stream: the residual stream of the encoder (`SpeechEncoder.stream`), whose channels the hidden states have.
        layers: number of hidden states, ``L + 1``.
        bands: Number of features that hidden states are projected to.
        channels: Channels of each residual convolution; the last is also the width of nodes.
        width: Width of nodes after stack attention; the embedding has five times as many entries.
        fusion: How the hidden states become one sequence of frames, see `layer_aggregation`; the paper takes the ``last``.
        size: Dimension of the embedding, if a linear map follows the readout of the graphs (WeDefense); ``None`` for none.
        residual: Residual blocks as ``coded`` by the authors, or as ``drawn`` in their paper.
        shape: widths that remain after pruning; ``None`` for an unpruned head.
    """

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        bands: Annotated[int, Between(POOL, WIDTH)] = 128,
        channels: Widths = (32, 32, 64, 64, 64, 64),
        width: Width = 32,
        fusion: AggregationChoice = PLAIN_SUM,
        size: EmbeddingSize | None = None,
        residual: Residual = "coded",
        shape: Shape | None = None,
    ):
        super().__init__()
        self.layers = layers
        self.fusion = build_layer_aggregation(stream, layers, fusion)
        self.project = nn.Linear(self.fusion.width, bands)
        self.norm = MaskedBatchNorm2d(1)
        rows, inner = bands // POOL, channels[-1]
        self.original_shape = {"map": {"inner": list(channels)}}
        self.shape = shape or self.original_shape
        norm: InputNorm = "none" if residual == "coded" else "applied"
        self.map = ResidualMap(channels, self.shape["map"]["inner"], rows=rows, columns=columns, norm=norm)
        self.map_norm = MaskedBatchNorm2d(inner)
        self.places = nn.ModuleList([Conv2d(inner, 2 * inner, 1), Conv2d(2 * inner, inner, 1)])
        self.places_norm = MaskedBatchNorm2d(2 * inner)
        self.graphs = StackGraphs(inner, width, spectral=rows, temporal=columns, ratios=RATIOS)
        self.output = None if size is None else nn.Linear(self.graphs.size, size)
        self.initialize()

    @property
    def size(self) -> int:
        return self.graphs.size if self.output is None else self.output.out_features

    @property
    def reads_encoder_output(self) -> bool:
        return self.fusion.reads_encoder_output

    def initialize(self) -> None:
        self.fusion.initialize()
        initialize_convolutions(self)
        self.graphs.initialize()

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """Embeddings ``[B, size]`` from ``L + 1`` hidden states ``[B, T, D]`` and ``lengths[B]`` in frames.

        Raises:
            ValueError: the number of hidden states is not the one that the head was built for.
        """
        self._check(hidden_states)
        x = self.fusion(hidden_states, mask_if_padded(lengths, hidden_states[0].shape[1]))
        x, mask = pooled_map(self.project(x.transpose(1, 2)), lengths)
        x, mask = self.map(F.selu(self.norm(x, mask)), mask)
        x = F.selu(self.map_norm(x, mask))  # [B, C, bands / 3, T / 3]
        places = self.places[1](self.places_norm(F.selu(self.places[0](x)), mask))
        over_time = places if mask is None else places.masked_fill(~mask[:, None, None], float("-inf"))
        spectral = (x * over_time.softmax(-1)).sum(-1).transpose(1, 2)
        temporal = (x * places.softmax(-2)).sum(-2).transpose(1, 2)
        read = self.graphs(spectral, temporal, mask)
        return read if self.output is None else self.output(read)

    def units(self) -> list[Unit]:
        return self.fusion.reader("project.weight")

    def macs(self) -> list[MacTerm]:
        rows = len(self.graphs.bands)

        def places(timing: Timing) -> float:
            return rows * columns(timing)

        return [
            MacTerm(lambda timing: timing.frames, "project.weight"),
            *(MacTerm(places, f"places.{i}.weight") for i in range(2)),
            *([] if self.output is None else [MacTerm(lambda timing: 1, "output.weight")]),
        ]


def initialize_convolutions(head: nn.Module) -> None:
    """Initialize all convolutions over maps for activations that keep their scale, such as SELU."""
    for module in head.modules():
        if isinstance(module, Conv2d):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]

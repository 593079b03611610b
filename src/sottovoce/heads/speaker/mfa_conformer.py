"""MFA-Conformer: the concatenated outputs of all Conformer blocks, and attentive statistics (2203.15249)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...encoder.config import Shape
from ...encoder.layers.attention import AttentionContext
from ...encoder.layers.positions import AttentionSpan, RelativePosition, SinusoidPositions
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm
from ...errors import CheckpointError
from ...text.plain_data import whole_in
from ..conformer import conformers, whole_layer
from ..layer_aggregation import AggregationChoice, build_layer_aggregation
from ..options import Blocks, Count, Dropout, EmbeddingSize, OptionValues, Width
from .pooling import PoolingChoice
from .pooling_head import FrameEncoder, SpeakerEmbedder


class MFAConformer(SpeakerEmbedder):
    """Conformer blocks with relative positions; the outputs of all of them are normalized and pooled together.

    The published network first downsamples 10 ms frames by 2. That step is left out, because these frames have 20 ms.

    Args:
        stream, layers: the residual stream and the number of hidden states of the encoder, see `Head`.
        width: Width of the Conformer layers.
        blocks: Number of Conformer layers.
        inner: Feed-forward units of each layer.
        heads: Attention heads of each layer.
        kernel: Convolution taps of each layer.
        dropout: Dropout inside the layers.
        size: Dimension of the embedding.
        fusion: How the hidden states become one sequence of frames, see `layer_aggregation`.
        pooling: How the frames become one vector, see `pooling`.
        shape: widths that remain of the blocks after pruning; ``None`` for an unpruned head.

    Raises:
        CheckpointError: ``width`` is not a multiple of ``2 * heads``.
    """

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        width: Width = 256,
        blocks: Blocks = 6,
        inner: Width = 2048,
        heads: Count = 4,
        kernel: Count = 15,
        dropout: Dropout = 0.1,
        size: EmbeddingSize = 192,
        fusion: AggregationChoice = "sum",
        pooling: PoolingChoice = "channel_attentive",
        shape: Shape | None = None,
    ):
        self.check({"width": width, "heads": heads})
        into = build_layer_aggregation(stream, layers, fusion)
        whole = {"trunk": {"blocks": [whole_layer(width, inner=inner, heads=heads) for _ in range(blocks)]}}
        left = shape or whole
        trunk = ConformerEncoder(into.width, width, left["trunk"]["blocks"], width // heads, kernel, dropout)
        super().__init__(layers, fusion=into, trunk=trunk, pooled=pooling, size=size)
        self.shape, self.original_shape = left, whole

    @staticmethod
    def check(options: OptionValues) -> None:
        """Check that every attention head has an even width, which relative positions require.

        Raises:
            CheckpointError: it does not.
        """
        width, heads = whole_in(options, "width"), whole_in(options, "heads")
        if width % (2 * heads):
            raise CheckpointError(
                f"a width of {width} is not an even number for each of {heads} heads; take a multiple of {2 * heads}"
            )


class ConformerEncoder(FrameEncoder):
    """The blocks, and a norm over their concatenated outputs."""

    reads = ("entry.weight",)

    def __init__(self, inputs: int, width: int, layers: list[Shape], head_dim: int, kernel: int, dropout: float):
        super().__init__()
        self.width = len(layers) * width
        self.entry = nn.Linear(inputs, width)
        self.dropout = nn.Dropout(dropout)
        self.positions = SinusoidPositions(width)
        self.blocks = conformers(
            width,
            layers,
            head_dim=head_dim,
            kernel=kernel,
            dropout=dropout,
            position=lambda heads: RelativePosition(width, heads, head_dim),
        )
        self.norm = nn.LayerNorm(self.width)

    def initialize(self) -> None:
        for module in self.modules():
            if isinstance(module, RelativePosition):
                nn.init.zeros_(module.content)
                nn.init.zeros_(module.position)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.dropout(self.entry(x.transpose(1, 2)))
        sight = AttentionContext(self.positions.prepare(AttentionSpan(x.shape[1]), x), mask)
        out = []
        for block in self.blocks:
            x = block(x, sight)
            out.append(x)
        return self.norm(torch.cat(out, dim=-1)).transpose(1, 2)

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: timing.frames, "entry.weight")]

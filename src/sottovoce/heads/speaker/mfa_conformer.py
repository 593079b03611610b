"""MFA-Conformer: the outputs of all blocks of a Conformer, side by side, under attentive statistics (2203.15249)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...encoder.config import Shape
from ...encoder.layers.attention import AttentionContext
from ...encoder.layers.positions import AttentionSpan, RelativePosition, SinusoidPositions
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm
from ...errors import CheckpointError
from ..conformer import conformers, whole_layer
from ..layer_aggregation import AggregationChoice, build_layer_aggregation
from ..options import Blocks, Count, Dropout, EmbeddingSize, OptionValues, Width
from .pooling import PoolingChoice
from .pooling_head import FrameEncoder, SpeakerEmbedder


class MFAConformer(SpeakerEmbedder):
    """Conformer blocks with relative positions; the outputs of all of them are normalized and pooled together.

    The published network halves 10 ms frames first; frames here have 20 ms already.

    Args:
        stream, layers: of the encoder, see `Head`.
        width: Width of the Conformer layers.
        blocks: Conformer layers.
        inner: Feed-forward units of each layer.
        heads: Attention heads of each layer.
        kernel: Convolution taps of each layer.
        dropout: Dropout inside the layers.
        size: Entries of the embedding.
        fusion: How the hidden states become one sequence of frames, see `layer_aggregation`.
        pooling: How the frames become one vector, see `pooling`.
        shape: what is left of the blocks after pruning; ``None`` where nothing has been pruned.

    Raises:
        CheckpointError: heads that do not fill the width.
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
        """Check that every head has an even width, as relative positions need it.

        Raises:
            CheckpointError: it does not.
        """
        width, heads = options["width"], options["heads"]
        if width % (2 * heads):
            raise CheckpointError(
                f"a width of {width} is not an even number for each of {heads} heads; take a multiple of {2 * heads}"
            )


class ConformerEncoder(FrameEncoder):
    """The blocks, and the norm over all their outputs."""

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

"""Pooling of hidden states without a frame-level network, for strong encoders (w2v-BERT 2.0 for verification, 2510.04213)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ...encoder.stream import ResidualStream
from ...errors import CheckpointError
from ..frames import TimeConv
from ..layer_aggregation import AGGREGATIONS, AggregationChoice, LayerSum, build_layer_aggregation
from ..options import EmbeddingSize, OptionValues, Width, split_choice
from .pooling import PoolingChoice
from .pooling_head import FrameEncoder, SpeakerEmbedder


class DirectPooling(SpeakerEmbedder):
    """Layer adapters and a pooling of all their outputs; or a layer sum, a linear map and a pooling.

    By default this is the head of w2v-BERT-2.0_SV, ``Audio2Vec_based_Adapter`` with its pooling ``ASP``.

    Args:
        stream, layers: the residual stream and the number of hidden states of the encoder, see `Head`.
        width: Output channels of a linear map before the pooling. It is required if the fusion is a sum of layers, because
            the channels of a sum are those of the encoder and can be pruned.
        size: Dimension of the embedding.
        norm: Whether the pooled vector passes a batch norm.
        fusion: How the hidden states become one sequence of frames, see `layer_aggregation`.
        pooling: How the frames become one vector, see `pooling`.

    Raises:
        CheckpointError: a layer sum without a width.
    """

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        width: Width | None = None,
        size: EmbeddingSize = 256,
        norm: bool = False,
        fusion: AggregationChoice = "adapters",
        pooling: PoolingChoice = "asp",
    ):
        self.check({"width": width, "fusion": fusion})
        into = build_layer_aggregation(stream, layers, fusion)
        super().__init__(
            layers, fusion=into, trunk=FrameProjection(into.width, width), pooled=pooling, size=size, norm=norm
        )

    @staticmethod
    def check(options: OptionValues) -> None:
        """Check that a sum of layers is followed by a linear map with a width.

        Raises:
            CheckpointError: there is none.
        """
        fusion = options["fusion"]
        kind, _ = split_choice(fusion if isinstance(fusion, Mapping) else str(fusion))
        builder = AGGREGATIONS.builders.get(kind)
        if options["width"] is None and isinstance(builder, type) and issubclass(builder, LayerSum):
            raise CheckpointError(f"behind the fusion {kind} give a width; its channels are the encoder's own")


class FrameProjection(FrameEncoder):
    """A linear map on every frame, or none."""

    def __init__(self, inputs: int, width: int | None):
        super().__init__()
        self.width = inputs if width is None else width
        self.linear = None if width is None else TimeConv(inputs, width)
        self.reads = () if width is None else ("linear.weight",)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x if self.linear is None else self.linear(x)

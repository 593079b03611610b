"""Classification of utterances: an embedding, then a linear or angular map to classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoder.config import Shape
from ..encoder.stream import ResidualStream
from ..encoder.units import MacTerm
from ..errors import CheckpointError
from .embedders import EMBEDDERS, build
from .head import Embedder, Head
from .speaker.pooling_head import VectorNorm


class Classifier(Head):
    """An embedding head and a map to classes: ``hidden states -> [B, classes]``.

    Args:
        stream, layers: of the encoder.
        classes: number of classes.
        embedding: the embedding head as a config: ``{"kind": "mhfa", ...}``.
        angular: outputs are cosines between the embedding and a learned direction for each class, instead of logits.
        activated: the embedding passes a batch norm and a ReLU on its way to the classes, as in WeDefense
            (wedefense/models/projections.py: Linear).
        shape: widths that remain of the embedding head after pruning, under ``embedding``; ``None`` for an unpruned head.

    Raises:
        CheckpointError: ``embedding`` is a head that does not make embeddings.
    """

    auto_class = "AutoModelForAudioClassification"
    pipeline = "audio-classification"

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        classes: int = 2,
        embedding: Mapping[str, object],
        angular: bool = False,
        activated: bool = False,
        shape: Shape | None = None,
    ):
        super().__init__()
        self.layers = layers
        left = {"shape": shape["embedding"]} if shape else {}
        built = build(EMBEDDERS, {**embedding, **left}, stream, layers)
        if not isinstance(built, Embedder):
            raise CheckpointError(f"config: head {embedding['kind']} makes no embedding that could be classified")
        self.embedding = built
        self.shape, self.original_shape = (
            {"embedding": s} for s in (self.embedding.shape, self.embedding.original_shape)
        )
        self.angular = angular
        self.norm = VectorNorm(self.embedding.size) if activated else None
        self.weight = nn.Parameter(torch.empty(classes, self.embedding.size))
        self.bias = None if angular else nn.Parameter(torch.zeros(classes))
        self.initialize()

    @property
    def size(self) -> int:
        return self.weight.shape[0]

    @property
    def embedder(self) -> Embedder:
        return self.embedding

    def initialize(self) -> None:
        nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """``[B, classes]`` logits, or cosines if ``angular``."""
        embedding = self.embedding(hidden_states, lengths)
        if self.norm is not None:
            embedding = F.relu(self.norm(embedding))
        if self.angular:
            return F.linear(F.normalize(embedding, dim=-1), F.normalize(self.weight, dim=-1))
        return F.linear(embedding, self.weight, self.bias)

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: 1, parameter="weight")]

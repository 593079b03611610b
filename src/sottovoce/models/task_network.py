"""`TaskNetwork`: an encoder with a head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor, nn
from transformers.utils import ModelOutput

from ..encoder.checks.inputs import refuse
from ..encoder.config import Shape
from ..encoder.network import ARGUMENTS, EncoderNetwork
from ..encoder.output import as_wanted
from ..encoder.placed import PlacedModule
from ..encoder.units import Timing
from ..heads.embedders import build
from ..heads.head import Embedder
from ..heads.options import check_options
from ..heads.registry import HEADS
from .cosine_scoring import CosineScoring
from .label_loss import labeled_loss
from .llr_scoring import LLRScoring
from .task_config import TaskConfig


@dataclass
class TaskOutput(ModelOutput):
    """What a `TaskNetwork` returns.

    Args:
        loss: of the labels, where some are given.
        output: what the head makes of the hidden states: an embedding ``[B, E]``, classes ``[B, C]``,
            labels of every frame ``[B, T, V]``, or frames ``[B, T, D]`` that a transducer starts from.
        hidden_states: ``L + 1`` of ``[B, T, D]``.
        logits, embeddings: the output under the names by which stock code reads it. Logits of two classes with a
            calibrated likelihood ratio are calibrated (`LLRScoring.logits`), those of an understanding model are of its
            first question (`TaskConfig.answers`); embeddings are only those of an embedder.
        lengths: ``[B]`` valid frames of the hidden states.
        output_lengths: ``[B]`` valid frames of an output that has frames.
    """

    loss: Tensor | None = None
    output: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    lengths: Tensor | None = None
    logits: Tensor | None = None
    embeddings: Tensor | None = None
    output_lengths: Tensor | None = None


class TaskNetwork(PlacedModule):
    """A speech encoder and a head.

    It is all that inference needs. `TaskModel` is this network as a model of Transformers.
    """

    config: TaskConfig
    encoder_class: type[EncoderNetwork] = EncoderNetwork

    def __init__(self, config: TaskConfig):
        super().__init__()
        self.config = config
        self.build_parts(config)

    def build_parts(self, config: TaskConfig) -> None:
        """Make encoder, head and scoring as the config says."""
        self.encoder = self.encoder_class(config.encoder)
        self.head: Any = build(HEADS, config.head, self.encoder.stream, config.encoder.num_hidden_layers + 1)
        self.scoring: Any = build_scoring(config.scoring, self.head.size, config.scoring_options)

    def forward(
        self,
        waveform: Tensor | None = None,
        lengths: Tensor | None = None,
        *,
        features: Tensor | None = None,
        feature_lengths: Tensor | None = None,
        input_values: Tensor | None = None,
        input_features: Tensor | None = None,
        attention_mask: Tensor | None = None,
        targets: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **unknown: Any,
    ) -> TaskOutput | tuple[Any, ...]:
        """Encode ``waveform[B, S]`` (16 kHz, ``lengths[B]`` valid samples) and apply the head.

        ``targets`` are what `Transducer` takes; with ``labels`` there is a `labeled_loss`, as stock code wants it.
        Further inputs are those of `EncoderNetwork`.

        Raises:
            AudioError: as `EncoderNetwork`.
            TypeError: an argument that is unknown or cannot be heeded.
        """
        refuse(unknown, (*ARGUMENTS, "targets", "labels"), type(self).__name__)
        encoded = self.encoder(
            waveform,
            lengths,
            features=features,
            feature_lengths=feature_lengths,
            input_values=input_values,
            input_features=input_features,
            attention_mask=attention_mask,
            return_dict=True,
        )
        states = encoded.hidden_states
        if self.head.final:
            states = (*states[:-1], encoded.last_hidden_state)
        output = self.head(states, encoded.lengths, **({} if targets is None else {"targets": targets}))
        stock = self.scoring if isinstance(self.scoring, LLRScoring) else self.head
        logits, answers = stock.logits(output), self.config.answers
        logits = logits if answers is None else logits[:, : len(answers)]
        ends = self.head.output_lengths(encoded.lengths)
        made = TaskOutput(
            loss=None if labels is None else labeled_loss(self.config.head, logits, ends, labels),
            output=output,
            hidden_states=None if output_hidden_states is False else encoded.hidden_states,
            lengths=encoded.lengths,
            logits=logits,
            embeddings=output if isinstance(self.head, Embedder) else None,
            output_lengths=ends,
        )
        return as_wanted(made, self.config, return_dict)

    @property
    def shape(self) -> Shape:
        return {"encoder": self.encoder.shape, "head": self.head.shape}

    @property
    def original_shape(self) -> Shape:
        """The shape before any pruning."""
        return {"encoder": self.encoder.original_shape, "head": self.head.original_shape}

    def timing(self, seconds: float) -> Timing:
        return self.encoder.timing(seconds)

    def probe(self) -> dict[str, Tensor]:
        """Input on which a slim model is compared with its gated form."""
        probe = self.encoder.probe()
        return {**probe, **self.head.probe(len(probe["waveform"]))}

    def shrunk(self, shape: Shape) -> Self:
        """A model of this kind with another shape and fresh weights."""
        return type(self)(self.config.with_shapes(shape["encoder"], shape["head"]))


def build_scoring(kind: str | None, size: int, options: Mapping[str, Any]) -> nn.Module | None:
    """What makes decisions of a head's outputs."""
    if kind is None:
        return None
    made = CosineScoring if kind == "cosine" else LLRScoring
    check_options(made, options, f"scoring {kind}")
    return CosineScoring(size, **options) if kind == "cosine" else LLRScoring()

"""`TaskNetwork`: an encoder with a head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor, nn
from transformers.utils import ModelOutput

from ..encoder.checks.finite_outputs import called
from ..encoder.checks.inputs import refuse_unknown
from ..encoder.config import Shape
from ..encoder.network import ARGUMENTS, EncoderNetwork
from ..encoder.output import EncoderOutput, FrameFeatures, as_requested
from ..encoder.single_device import SingleDeviceModule
from ..encoder.units import Timing
from ..errors import CheckpointError
from ..heads.embedders import build
from ..heads.head import Embedder, Head
from ..heads.options import OptionValues, check_options
from ..heads.registry import HEADS
from ..quantities import Seconds
from .cosine_scoring import CosineScoring
from .label_loss import labeled_loss
from .llr_scoring import LLRScoring
from .task_config import TaskConfig


@dataclass
class TaskOutput(ModelOutput):
    """What a `TaskNetwork` returns.

    Args:
        loss: the loss, if labels were given.
        output: output of the head: embeddings ``[B, E]``, logits of classes ``[B, C]``, logits of the labels of every frame
            ``[B, T, V]``, or the frames ``[B, T, D]`` from which a transducer starts.
        hidden_states: ``L + 1`` tensors ``[B, T, D]``.
        lengths: ``[B]`` valid frames of the hidden states.
        logits: the output under the name by which stock code reads it. Logits of a model with `LLRScoring` are calibrated;
            those of an intent model are of its first question (`TaskConfig.answers`).
        embeddings: the output of a head that makes embeddings, under the name by which stock code reads it.
        output_lengths: ``[B]`` valid frames of an output that has frames.
        projected: ``[B, T, D]`` output of the encoder's front end, see `EncoderOutput`.
    """

    loss: Tensor | None = None
    output: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    lengths: Tensor | None = None
    logits: Tensor | None = None
    embeddings: Tensor | None = None
    output_lengths: Tensor | None = None
    projected: Tensor | None = None


class TaskNetwork(SingleDeviceModule):
    """A speech encoder and a head: all that inference needs. `TaskModel` is this network as a model of Transformers."""

    config: TaskConfig
    encoder_class: type[EncoderNetwork] = EncoderNetwork

    def __init__(self, config: TaskConfig):
        super().__init__()
        self.config = config
        self.build_parts(config)

    def build_parts(self, config: TaskConfig) -> None:
        """Build encoder, head and scoring from the config."""
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
        **unknown: object,
    ) -> TaskOutput | tuple[object, ...]:
        """Encode ``waveform[B, S]`` (16 kHz, ``lengths[B]`` valid samples) and apply the head.

        Args:
            targets: what the predictor of a `Transducer` reads in training.
            labels: labels for a `labeled_loss`, as stock code gives them.
            waveform, lengths, features, feature_lengths, input_values, input_features, attention_mask: see `EncoderNetwork`.
            output_hidden_states: ``False`` leaves the hidden states out of the result.
            return_dict: ``False`` for a tuple in place of a `TaskOutput`; by default as the config says.
            unknown: refused.

        Raises:
            AudioError: as `EncoderNetwork`.
            TypeError: an argument that is unknown or has a value that is not supported.
        """
        refuse_unknown(unknown, (*ARGUMENTS, "targets", "labels"), type(self).__name__)
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
        output = self.head(
            _read_by(self.head, encoded), encoded.lengths, **({} if targets is None else {"targets": targets})
        )
        stock = self.scoring if isinstance(self.scoring, LLRScoring) else self.head
        logits, answers = stock.logits(output), self.config.answers
        logits = logits if answers is None else logits[:, : len(answers)]
        ends = self.head.output_lengths(encoded.lengths)
        result = TaskOutput(
            loss=None if labels is None else labeled_loss(self.config.head, logits, ends, labels),
            output=output,
            hidden_states=None if output_hidden_states is False else encoded.hidden_states,
            lengths=encoded.lengths,
            logits=logits,
            embeddings=output if isinstance(self.head, Embedder) else None,
            output_lengths=ends,
            projected=None if output_hidden_states is False else encoded.projected,
        )
        return as_requested(result, self.config, return_dict)

    def embed(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Embeddings ``[B, E]`` of ``waveform[B, S]``, or ``[E]`` of ``[S]``, as a part of another network.

        That of a classifier is what it classifies. Gradients reach the waveform and, unless they are frozen, the weights;
        `sottovoce.inference.verification.embed` takes files instead.

        Args:
            waveform: floats at 16 kHz.
            lengths: ``[B]`` valid samples of each utterance; ``None``: all ``S``.

        Raises:
            AudioError: a waveform of wrong shape or type, or too short for one frame.
            CheckpointError: the head makes no embeddings.
        """
        embedder = self.head.embedder
        if embedder is None:
            raise CheckpointError(
                f"{called(self)}: the head {self.config.head['kind']} makes no embedding; take frame_features, or a speaker"
                " model"
            )
        batch = waveform[None] if waveform.dim() == 1 else waveform
        encoded = self.encoder(batch, lengths, return_dict=True)
        found: Tensor = embedder(_read_by(embedder, encoded), encoded.lengths)
        return found[0] if waveform.dim() == 1 else found

    def frame_features(self, waveform: Tensor, lengths: Tensor | None = None, *, layer: int = -1) -> FrameFeatures:
        """A hidden state of the encoder, see `EncoderNetwork.frame_features`."""
        return self.encoder.frame_features(waveform, lengths, layer=layer)

    @property
    def shape(self) -> Shape:
        """The widths of encoder and head."""
        return {"encoder": self.encoder.shape, "head": self.head.shape}

    @property
    def original_shape(self) -> Shape:
        """The shape before any pruning."""
        return {"encoder": self.encoder.original_shape, "head": self.head.original_shape}

    def timing(self, seconds: Seconds) -> Timing:
        """The lengths of all sequences for an utterance of ``seconds``, which MACs are counted by."""
        return self.encoder.timing(seconds)

    def probe(self) -> dict[str, Tensor]:
        """An input on which a slimmed model is compared with its gated form."""
        probe = self.encoder.probe()
        return {**probe, **self.head.probe(len(probe["waveform"]))}

    def shrunk(self, shape: Shape) -> Self:
        """A model of this class with another shape and new random weights."""
        return type(self)(self.config.with_shapes(shape["encoder"], shape["head"]))


def _read_by(head: Head, encoded: EncoderOutput) -> Sequence[Tensor]:
    """The hidden states as a head reads them."""
    assert encoded.hidden_states is not None and encoded.last_hidden_state is not None
    states = encoded.hidden_states
    return (*states[:-1], encoded.last_hidden_state) if head.reads_encoder_output else states


def build_scoring(kind: str | None, size: int, options: OptionValues) -> nn.Module | None:
    """The scoring of a model.

    Args:
        kind: ``cosine``, ``llr`` or ``None``.
        size: width of the output of the head.
        options: options of `CosineScoring` or `LLRScoring`.

    Raises:
        CheckpointError: an option that the scoring does not have, or a value that does not fit it.
    """
    if kind is None:
        return None
    check_options(CosineScoring if kind == "cosine" else LLRScoring, options, f"scoring {kind}")
    checked: dict[str, Any] = dict(options)
    return CosineScoring(size, **checked) if kind == "cosine" else LLRScoring(**checked)

"""An encoder with a head: what is trained, pruned, saved and used for a task."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.utils import ModelOutput

from ..encoder.config import Shape
from ..encoder.inputs import refuse
from ..encoder.loading import StrictLoading, write_processor
from ..encoder.model import ARGUMENTS, SpeechEncoder, checkpoint_readers
from ..encoder.model_files import Files
from ..encoder.output import as_wanted
from ..encoder.units import Timing
from .catalogue import HEADS
from .cosine_scoring import CosineScoring
from .embedders import EMBEDDERS, build
from .label_tokenizer import LabelTokenizer
from .labelled_loss import labelled_loss
from .llr_scoring import LLRScoring
from .options import check_options
from .task_config import TaskConfig


@dataclass
class TaskOutput(ModelOutput):
    """What a `TaskModel` returns.

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


class TaskModel(StrictLoading, PreTrainedModel):
    """A speech encoder and a head.

        model = TaskModel.from_pretrained("models/small")
        embedding = model(waveform, lengths).output        # [B, E]

    A stock directory or hub id of ``...ForCTC``, ``...ForSequenceClassification``, ``...ForXVector`` or
    ``...ForAudioFrameClassification`` loads too, with its head and labels, and gives the same outputs.

    It is pruned like a bare encoder. Its units are those of the encoder, below ``encoder.``, and those that the head has
    of its own, below ``head.``; what reads the residual stream follows it.
    """

    config_class = TaskConfig
    config: TaskConfig
    main_input_name = "input_values"  # as stock feature extractors call the waveform
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False  # the Trainer need not tell how many items its batches have
    _supports_sdpa = True

    def __init__(self, config: TaskConfig):
        super().__init__(config)
        self.encoder = SpeechEncoder(config.encoder)
        self.head: Any = build(HEADS, config.head, self.encoder.stream, config.encoder.num_hidden_layers + 1)
        self.scoring: Any = build_scoring(config.scoring, self.head.size, config.scoring_options)
        self.post_init()

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

        ``targets`` are what `Transducer` takes; with ``labels`` there is a `labelled_loss`, as stock code wants it.
        Further inputs are those of `SpeechEncoder`.

        Raises:
            AudioError: as `SpeechEncoder`.
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
            loss=None if labels is None else labelled_loss(self.config.head, logits, ends, labels),
            output=output,
            hidden_states=None if output_hidden_states is False else encoded.hidden_states,
            lengths=encoded.lengths,
            logits=logits,
            embeddings=output if self.config.head["kind"] in EMBEDDERS else None,
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

    def shrunk(self, shape: Shape) -> TaskModel:
        """A model of this kind with another shape and fresh weights."""
        return type(self)(self.config.with_shapes(shape["encoder"], shape["head"]))

    # --- in and out ---

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike[str], **options: Any) -> TaskModel:  # type: ignore[override]
        """Load a task model: a directory, weights file or hub id of ours, or of a stock Transformers class with a known head.

        Args:
            name: a directory, the weights file in it, or a hub id.
            options: see `SpeechEncoder.from_pretrained`.

        Raises:
            CheckpointError: nothing there, no known head, damaged, a tokenizer that is missing or does not fit, tensors
                that do not fit the config, or hold NaN or infinity.
            TypeError: an option that is unknown or cannot be heeded.
        """
        return super().from_pretrained(name, **options)

    @classmethod
    def convert(cls, name: str | os.PathLike[str], files: Files) -> tuple[TaskConfig, Mapping[str, Tensor], list[str]]:
        fields, weights, notes = checkpoint_readers(name).load_task(name, files)
        config = TaskConfig(**fields)
        with torch.device("meta"):
            size = cls(config).head.size
        # What decisions need beside the stock weights is as new.
        scoring = build_scoring(config.scoring, size, config.scoring_options)
        own = {} if scoring is None else {f"scoring.{k}": v for k, v in scoring.state_dict().items()}
        return config, own | weights, notes

    def save_pretrained(  # type: ignore[override]
        self, directory: str | os.PathLike[str], *, portable: bool = False, **kwargs: Any
    ) -> None:
        """Write ``config.json``, ``model.safetensors`` and what stock pipelines need: a feature extractor, and of a
        recogniser the tokenizer and their processor.

        Args:
            portable: also write the modelling code, so that the auto classes of Transformers load it with
                ``trust_remote_code=True`` where sottovoce is not installed.
        """
        super().save_pretrained(directory, portable=portable, **kwargs)
        if self.config.transcribes:
            tokenizer = LabelTokenizer.of(self.config.labels or (), self.config.spelling, self.config.aliases)
            write_processor(tokenizer, Path(directory), portable=portable)

    def auto_classes(self) -> dict[str, type]:
        from .auto_models import AUTO_MODELS  # which is built on this file

        own = self.config.auto_class
        classes: dict[str, type] = {"AutoModel": TaskModel}
        return classes if own is None else {**classes, own: AUTO_MODELS[own]}

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if callable(initialise := getattr(module, "initialise", None)):
            initialise()
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv1d | nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        else:
            super()._init_weights(module)


def build_scoring(kind: str | None, size: int, options: Mapping[str, Any]) -> nn.Module | None:
    """What makes decisions of a head's outputs."""
    if kind is None:
        return None
    made = CosineScoring if kind == "cosine" else LLRScoring
    check_options(made, options, f"scoring {kind}")
    return CosineScoring(size, **options) if kind == "cosine" else LLRScoring()


if __name__.startswith("sottovoce."):  # not in a portable directory, whose config.json says what to load
    AutoConfig.register(TaskConfig.model_type, TaskConfig, exist_ok=True)
    AutoModel.register(TaskConfig, TaskModel, exist_ok=True)
    import_module("sottovoce.heads.auto_models")  # they are registered with the other auto classes

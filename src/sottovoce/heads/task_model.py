"""An encoder with a head: what is trained, pruned, saved and used for a task."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.utils import ModelOutput

from ..encoder.config import Shape
from ..encoder.errors import CheckpointError
from ..encoder.loading import StrictLoading, write_processor
from ..encoder.model import HUB_OPTIONS, SpeechEncoder
from ..encoder.units import Timing
from .catalogue import HEADS
from .cosine_scoring import CosineScoring
from .embedders import EMBEDDERS, build
from .label_tokenizer import LabelTokenizer
from .llr_scoring import LLRScoring
from .task_config import TaskConfig


@dataclass
class TaskOutput(ModelOutput):
    """What a `TaskModel` returns.

    Args:
        output: what the head makes of the hidden states: an embedding ``[B, E]``, classes ``[B, C]``,
            labels of every frame ``[B, T, V]``, or frames ``[B, T, D]`` that a transducer starts from.
        hidden_states: ``L + 1`` of ``[B, T, D]``.
        logits, embeddings: the output under the names by which stock code reads it. Logits of two classes with a
            calibrated likelihood ratio are calibrated (`LLRScoring.logits`), those of an understanding model are of its
            first question (`TaskConfig.answers`); embeddings are only those of an embedder.
        lengths: ``[B]`` valid frames of the hidden states.
        output_lengths: ``[B]`` valid frames of an output that has frames.
    """

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
        targets: Tensor | None = None,
        **inputs: Any,
    ) -> TaskOutput:
        """Encode ``waveform[B, S]`` (16 kHz, ``lengths[B]`` valid samples) and apply the head.

        ``targets`` are what `Transducer` takes. Further inputs are those of `SpeechEncoder`.
        """
        encoded = self.encoder(waveform, lengths, **inputs)
        states = encoded.hidden_states
        if self.head.final:
            states = (*states[:-1], encoded.last_hidden_state)
        output = self.head(states, encoded.lengths, **({} if targets is None else {"targets": targets}))
        stock = self.scoring if isinstance(self.scoring, LLRScoring) else self.head
        logits, answers = stock.logits(output), self.config.answers
        return TaskOutput(
            output=output,
            hidden_states=encoded.hidden_states,
            lengths=encoded.lengths,
            logits=logits if answers is None else logits[:, : len(answers)],
            embeddings=output if self.config.head["kind"] in EMBEDDERS else None,
            output_lengths=self.head.output_lengths(encoded.lengths),
        )

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
    def from_pretrained(  # type: ignore[override]
        cls, name: str | os.PathLike[str], *args: Any, **kwargs: Any
    ) -> TaskModel:
        """Load a task model: a directory or hub id of ours, or of a stock Transformers class with a known head.

        Raises:
            CheckpointError: nothing there, no known head, damaged, a tokenizer that is missing or does not fit, or
                tensors that do not fit the config.
        """
        options = {k: v for k, v in kwargs.items() if k in HUB_OPTIONS}
        if isinstance(kwargs.get("config"), TaskConfig) or model_type(name, options) == TaskConfig.model_type:
            return super().from_pretrained(name, *args, **kwargs)
        try:
            checkpoints = import_module("sottovoce.checkpoints")
        except ModuleNotFoundError:
            raise CheckpointError(f"{name}: not a sottovoce model; install sottovoce to load other kinds") from None
        fields, weights, notes = checkpoints.load_task(name, **options)
        for note in notes:
            warnings.warn(note, stacklevel=2)
        model = cls(TaskConfig(**fields))
        # What decisions need beside the stock weights is as new.
        own = {k: v for k, v in model.state_dict().items() if k.startswith("scoring.")}
        model.load_strictly(own | weights, str(name))
        dtype = kwargs.get("dtype", kwargs.get("torch_dtype"))
        return (model if dtype in (None, "auto") else model.to(dtype)).eval()

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
            tokenizer = LabelTokenizer.of(self.config.labels or ())
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


def model_type(name: str | os.PathLike[str], options: Mapping[str, Any]) -> str | None:
    """What ``config.json`` of a directory or hub id says it is; ``None`` where none can be read."""
    try:
        return PreTrainedConfig.get_config_dict(str(name), **options)[0].get("model_type")
    except (OSError, ValueError):
        return None


def build_scoring(kind: str | None, size: int, options: Mapping[str, Any]) -> nn.Module | None:
    """What makes decisions of a head's outputs."""
    if kind == "cosine":
        return CosineScoring(size, **options)
    return LLRScoring() if kind == "llr" else None


if __name__.startswith("sottovoce."):  # not in a portable directory, whose config.json says what to load
    AutoConfig.register(TaskConfig.model_type, TaskConfig, exist_ok=True)
    AutoModel.register(TaskConfig, TaskModel, exist_ok=True)
    import_module("sottovoce.heads.auto_models")  # they are registered with the other auto classes

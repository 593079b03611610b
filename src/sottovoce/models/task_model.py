"""`TaskModel`: an encoder with a head as a model of Transformers, which is trained, pruned and saved.

Beside it stands one subclass for each auto class by which stock code looks for a model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
import transformers
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel

from ..encoder.loading.format_registry import foreign_formats
from ..encoder.loading.model_files import Files
from ..encoder.loading.pretrained import StrictLoading, write_processor
from ..encoder.loading.uninitialized import without_memory
from ..encoder.model import SpeechEncoder
from ..errors import CheckpointError
from ..heads.registry import HEADS
from .label_tokenizer import LabelTokenizer
from .task_config import TaskConfig
from .task_network import TaskNetwork, build_scoring


class TaskModel(StrictLoading, TaskNetwork, PreTrainedModel):
    """A speech encoder and a head.

        model = TaskModel.from_pretrained("models/small")
        embedding = model(waveform, lengths).output        # [B, E]

    A stock directory or hub id of ``...ForCTC``, ``...ForSequenceClassification``, ``...ForXVector`` or
    ``...ForAudioFrameClassification`` loads too, with its head and labels, and gives the same outputs.

    It is pruned like a bare encoder. Its units are those of the encoder, whose names begin with ``encoder.``, and those of
    the head, whose names begin with ``head.``; the head follows a pruned residual stream.
    """

    config_class = TaskConfig
    config: TaskConfig
    encoder_class = SpeechEncoder
    encoder: SpeechEncoder
    main_input_name = "input_values"  # as stock feature extractors call the waveform
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False  # the loss needs no number of items from the Trainer
    _supports_sdpa = True

    def __init__(self, config: TaskConfig):
        PreTrainedModel.__init__(self, config)
        self.build_parts(config)
        self.post_init()

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike[str], **options: Any) -> TaskModel:  # type: ignore[override]
        """Load a task model: a directory, weights file or hub id of ours, or of a stock Transformers class with a known head.

        Args:
            name: a directory, the weights file in it, or a hub id.
            options: see `SpeechEncoder.from_pretrained`.

        Raises:
            CheckpointError: nothing there, an unknown head, damaged, a tokenizer that is missing or does not fit, tensors
                that do not fit the config, or a tensor with NaN or infinity.
            TypeError: an option that is unknown or has a value that is not supported.
        """
        return super().from_pretrained(name, **options)

    @classmethod
    def convert(cls, name: str | os.PathLike[str], files: Files) -> tuple[TaskConfig, Mapping[str, Tensor], list[str]]:
        fields, weights, notes = foreign_formats(name).load_task(name, files)
        given: dict[str, Any] = fields
        config = TaskConfig(**given)
        with without_memory():
            size = cls(config).head.size
        # Stock weights hold no scoring, so it starts unfitted.
        scoring = build_scoring(config.scoring, size, config.scoring_options)
        own = {} if scoring is None else {f"scoring.{k}": v for k, v in scoring.state_dict().items()}
        return config, own | weights, notes

    def save_pretrained(  # type: ignore[override]
        self, directory: str | os.PathLike[str], *, portable: bool = False, **kwargs: Any
    ) -> None:
        """Write ``config.json``, ``model.safetensors`` and what stock pipelines need: a feature extractor, and for a
        recognizer the tokenizer and the processor of both.

        Args:
            directory: where they are written.
            kwargs: further arguments of Transformers.
            portable: also write the modeling code, so that the auto classes of Transformers load it with
                ``trust_remote_code=True`` where sottovoce is not installed.
        """
        super().save_pretrained(directory, portable=portable, **kwargs)
        if self.config.transcribes:
            tokenizer = LabelTokenizer.from_labels(self.config.labels or (), self.config.spelling, self.config.aliases)
            write_processor(tokenizer, Path(directory), portable=portable)

    def auto_classes(self) -> dict[str, type]:
        """Auto class of Transformers -> the class that it loads a portable copy with."""
        own = self.config.auto_class
        classes: dict[str, type] = {"AutoModel": TaskModel}
        return classes if own is None else {**classes, own: AUTO_MODELS[own]}

    def added_classes(self) -> dict[str, dict[str, type]]:
        """Entry point group -> the heads of other packages that this model has, by kind."""
        kinds = [self.config.head["kind"], self.config.head.get("embedding", {}).get("kind", "")]
        return {HEADS.group: {kind: HEADS[kind] for kind in kinds if HEADS.from_elsewhere(kind)}}

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if callable(initialize := getattr(module, "initialize", None)):
            initialize()
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


class AutoTaskModel(TaskModel):
    """Base of the classes that the auto classes of Transformers load.

    Raises:
        CheckpointError: the head of the config belongs to another auto class.
    """

    auto_class_name: ClassVar[str]
    """The auto class that loads it."""

    def __init__(self, config: TaskConfig):
        if config.auto_class != self.auto_class_name:
            what = config.task or config.head["kind"]
            raise CheckpointError(f"this is a model for {what}: load it with {config.auto_class or 'AutoModel'}")
        super().__init__(config)


class TaskModelForCTC(AutoTaskModel):
    """``logits[B, T, V]`` of labels; label 0 is the blank."""

    auto_class_name = "AutoModelForCTC"


class TaskModelForAudioClassification(AutoTaskModel):
    """``logits[B, C]`` of classes."""

    auto_class_name = "AutoModelForAudioClassification"


class TaskModelForAudioXVector(AutoTaskModel):
    """``embeddings[B, E]``."""

    auto_class_name = "AutoModelForAudioXVector"


class TaskModelForAudioFrameClassification(AutoTaskModel):
    """``logits[B, T, C]`` of classes of every frame."""

    auto_class_name = "AutoModelForAudioFrameClassification"


AUTO_MODELS: dict[str, type[AutoTaskModel]] = {
    model.auto_class_name: model
    for model in (
        TaskModelForCTC,
        TaskModelForAudioClassification,
        TaskModelForAudioXVector,
        TaskModelForAudioFrameClassification,
    )
}
"""Auto class -> the class that it loads."""

if __name__.startswith("sottovoce."):  # not in a portable directory, whose config.json says what to load
    AutoConfig.register(TaskConfig.model_type, TaskConfig, exist_ok=True)
    AutoModel.register(TaskConfig, TaskModel, exist_ok=True)
    for name, model in AUTO_MODELS.items():
        getattr(transformers, name).register(TaskConfig, model, exist_ok=True)
    AutoTokenizer.register(TaskConfig, fast_tokenizer_class=LabelTokenizer, exist_ok=True)

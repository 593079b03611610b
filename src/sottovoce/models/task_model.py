"""`TaskModel`: an encoder with a head as a model of Transformers, which is trained, pruned and saved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel

from ..encoder.loading.model_files import Files
from ..encoder.loading.pretrained import StrictLoading, write_processor
from ..encoder.model import SpeechEncoder, checkpoint_readers
from .label_tokenizer import LabelTokenizer
from .task_config import TaskConfig
from .task_network import TaskNetwork, build_scoring


class TaskModel(StrictLoading, TaskNetwork, PreTrainedModel):
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
    encoder_class = SpeechEncoder
    encoder: SpeechEncoder
    main_input_name = "input_values"  # as stock feature extractors call the waveform
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False  # the Trainer need not tell how many items its batches have
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
        recognizer the tokenizer and their processor.

        Args:
            portable: also write the modeling code, so that the auto classes of Transformers load it with
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


if __name__.startswith("sottovoce."):  # not in a portable directory, whose config.json says what to load
    AutoConfig.register(TaskConfig.model_type, TaskConfig, exist_ok=True)
    AutoModel.register(TaskConfig, TaskModel, exist_ok=True)
    import_module("sottovoce.models.auto_models")  # they are registered with the other auto classes

"""An encoder with a head: what is trained, pruned, saved and used for a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.utils import ModelOutput

from ..encoder.config import Shape
from ..encoder.loading import StrictLoading
from ..encoder.model import SpeechEncoder
from ..encoder.units import Timing
from .catalogue import HEADS
from .cosine_scoring import CosineScoring
from .embedders import build
from .head import Head
from .llr_scoring import LLRScoring
from .task_config import TaskConfig


@dataclass
class TaskOutput(ModelOutput):
    """What a `TaskModel` returns.

    Args:
        output: what the head makes of the hidden states: an embedding ``[B, E]``, classes ``[B, C]``, or
            labels of every frame ``[B, T, V]``.
        hidden_states: ``L + 1`` of ``[B, T, D]``.
        lengths: ``[B]`` valid frames.
    """

    output: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    lengths: Tensor | None = None


class TaskModel(StrictLoading, PreTrainedModel):  # type: ignore[misc]
    """A speech encoder and a head.

        model = TaskModel.from_pretrained("models/small")
        embedding = model(waveform, lengths).output        # [B, E]

    It is pruned like a bare encoder (its units are those of the encoder, below ``encoder.``), and the head follows.
    """

    config_class = TaskConfig
    config: TaskConfig
    main_input_name = "waveform"
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    def __init__(self, config: TaskConfig):
        super().__init__(config)
        self.encoder = SpeechEncoder(config.encoder)
        self.head: Any = build(HEADS, config.head, self.encoder.stream, config.encoder.num_hidden_layers + 1)
        self.scoring: Any = build_scoring(config.scoring, self.head.size, config.scoring_options)
        self.post_init()

    def forward(self, waveform: Tensor | None = None, lengths: Tensor | None = None, **inputs: Any) -> TaskOutput:
        """Encode ``waveform[B, S]`` (16 kHz, ``lengths[B]`` valid samples) and apply the head.

        Further inputs are those of `SpeechEncoder`.
        """
        encoded = self.encoder(waveform, lengths, **inputs)
        output = self.head(encoded.hidden_states, encoded.lengths)
        return TaskOutput(output=output, hidden_states=encoded.hidden_states, lengths=encoded.lengths)

    @property
    def shape(self) -> Shape:
        return {"encoder": self.encoder.shape}

    @property
    def original_shape(self) -> Shape:
        """The shape before any pruning."""
        return {"encoder": self.encoder.original_shape}

    def timing(self, seconds: float) -> Timing:
        return self.encoder.timing(seconds)

    def probe(self) -> dict[str, Tensor]:
        """Input on which a slim model is compared with its gated form."""
        return self.encoder.probe()

    def shrunk(self, shape: Shape) -> TaskModel:
        """A model of this kind with another shape and fresh weights."""
        return type(self)(self.config.with_encoder(self.config.encoder.with_shape(shape["encoder"])))

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv1d | nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, Head):
            module.initialise()
        else:
            super()._init_weights(module)


def build_scoring(kind: str | None, size: int, options: Mapping[str, Any]) -> nn.Module | None:
    """What makes decisions of a head's outputs."""
    if kind == "cosine":
        return CosineScoring(size, **options)
    return LLRScoring() if kind == "llr" else None


if __name__.startswith("sottovoce."):  # not in a portable directory, whose config.json says what to load
    AutoConfig.register(TaskConfig.model_type, TaskConfig, exist_ok=True)
    AutoModel.register(TaskConfig, TaskModel, exist_ok=True)

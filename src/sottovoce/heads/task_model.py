"""An encoder with a head: what is trained, pruned, saved and used for a task."""

from __future__ import annotations

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
from .llr_scoring import LLRScoring
from .task_config import TaskConfig


@dataclass
class TaskOutput(ModelOutput):
    """What a `TaskModel` returns.

    Args:
        output: what the head makes of the hidden states: an embedding ``[B, E]``, classes ``[B, C]``,
            labels of every frame ``[B, T, V]``, or frames ``[B, T, D]`` that a transducer starts from.
        hidden_states: ``L + 1`` of ``[B, T, D]``.
        lengths: ``[B]`` valid frames of the hidden states.
        output_lengths: ``[B]`` valid frames of an output that has frames.
    """

    output: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    lengths: Tensor | None = None
    output_lengths: Tensor | None = None


class TaskModel(StrictLoading, PreTrainedModel):  # type: ignore[misc]
    """A speech encoder and a head.

        model = TaskModel.from_pretrained("models/small")
        embedding = model(waveform, lengths).output        # [B, E]

    It is pruned like a bare encoder. Its units are those of the encoder, below ``encoder.``, and those that the head has
    of its own, below ``head.``; what reads the residual stream follows it.
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
        self.scoring: Any = build_scoring(config.scoring, self.head.size)
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
        more = {} if targets is None else {"targets": targets}
        return TaskOutput(
            output=self.head(encoded.hidden_states, encoded.lengths, **more),
            hidden_states=encoded.hidden_states,
            lengths=encoded.lengths,
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

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if callable(initialise := getattr(module, "initialise", None)):
            initialise()
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        else:
            super()._init_weights(module)


def build_scoring(kind: str | None, size: int) -> nn.Module | None:
    """What makes decisions of a head's outputs."""
    if kind == "cosine":
        return CosineScoring(size)
    return LLRScoring() if kind == "llr" else None


if __name__.startswith("sottovoce."):  # not in a portable directory, whose config.json says what to load
    AutoConfig.register(TaskConfig.model_type, TaskConfig, exist_ok=True)
    AutoModel.register(TaskConfig, TaskModel, exist_ok=True)

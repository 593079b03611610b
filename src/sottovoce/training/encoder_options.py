"""The encoder section of a recipe: where the network comes from."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from pydantic import Field, create_model, model_validator

from ..encoder.config import EncoderConfig, uniform_shape
from ..encoder.errors import RecipeError
from ..encoder.model import SpeechEncoder
from ..encoder.streaming import check_streamable
from ..heads.task_config import TaskConfig
from ..heads.task_model import TaskModel
from ..tasks.options import Options
from ..tasks.task import Task
from .filters import mel_filters

if TYPE_CHECKING:
    from lhotse.cut import Cut

STREAMING = ("chunk_frames", "left_chunks", "training_chunks", "full_context")
"""What `StreamingOptions` say of a config."""

_SHAPE = inspect.signature(uniform_shape).parameters
_CONFIG = {
    name: parameter
    for name, parameter in inspect.signature(EncoderConfig.__init__).parameters.items()
    if name not in ("self", "shape", "original_shape", "stock", "kwargs", *STREAMING)
}
DROPOUTS = tuple(name for name in _CONFIG if name.endswith("dropout"))


def _fields() -> dict[str, Any]:
    """Every argument of `uniform_shape` and `EncoderConfig`, with its type and default."""
    types = typing.get_type_hints(uniform_shape) | typing.get_type_hints(EncoderConfig.__init__)
    return {name: (types[name], parameter.default) for name, parameter in {**_CONFIG, **_SHAPE}.items()}


class _Consistent(Options):
    @model_validator(mode="before")
    @classmethod
    def _heads_fit(cls, data: Any) -> Any:
        # A new encoder has all its heads, and they fill the residual width, unless the recipe says otherwise.
        if not isinstance(data, dict):
            return data
        width, heads = (data.get(name, _SHAPE[name].default) for name in ("hidden_size", "heads"))
        if isinstance(width, int) and isinstance(heads, int) and heads > 0:
            data = {"attention_heads": heads, "head_dim": width // heads, **data}
        return data


NewEncoder = create_model("NewEncoder", __base__=_Consistent, **_fields())
NewEncoder.__doc__ = "A randomly initialised encoder: arguments of `uniform_shape` and `EncoderConfig`."


class StreamingOptions(Options):
    """Makes an encoder that hears a stream: causal convolutions, running statistics, attention in chunks.

    An encoder from a checkpoint computes something else then: fine-tune it before anything is cut.

    Args:
        chunk: frames (of 20 ms) of a chunk, in evaluations and in the finished model; default: the first of ``chunks``.
        chunks: sizes of which each training step draws one, so that the model works at all of them.
        left: chunks before its own that a frame sees.
        full: probability of a training step in which every frame sees the whole utterance: the model then also works
            without a stream.
    """

    chunk: int | None = Field(None, ge=1)
    chunks: list[Annotated[int, Field(ge=1)]] = Field([16, 8, 32], min_length=1)
    left: int = Field(4, ge=0)
    full: float = Field(0.3, ge=0, lt=1)

    def change(self, config: EncoderConfig) -> None:
        """Make the config that of an encoder that streams.

        Raises:
            StreamingError: it has parts that cannot be made to.
        """
        config.causal_convolution, config.feature_norm, config.normalize = True, "running", False
        config.chunk_frames, config.left_chunks = self.chunk or self.chunks[0], self.left
        config.training_chunks, config.full_context = list(self.chunks), self.full
        check_streamable(config)


class EncoderOptions(Options):
    """A checkpoint, or the widths of a new encoder.

    Args:
        source: (``from`` in the file) directory or hub id of anything `SpeechEncoder.from_pretrained` loads, or a task
            model of ours, whose head is then kept.
        config: a new, randomly initialised encoder.
        filters: how the first convolution of a new encoder starts: ``random``, or as ``mel`` band-pass filters.
        dropout: set every dropout probability to this; ``None`` leaves them as they are.
        streaming: make it one that hears a stream, see `StreamingOptions`; ``None`` leaves it as it is.
        layerdrop: probability of leaving out a layer while training. 0, because hidden states of layers that were left
            out cannot be compared with a teacher's.
    """

    source: str | None = Field(None, alias="from")
    config: NewEncoder | None = None
    filters: Literal["random", "mel"] = "random"
    dropout: float | None = Field(None, ge=0, lt=1)
    layerdrop: float = Field(0.0, ge=0, lt=1)
    streaming: StreamingOptions | None = None

    @model_validator(mode="after")
    def _one_source(self) -> EncoderOptions:
        if (self.source is None) == (self.config is None):
            raise ValueError("give either 'from' (a checkpoint) or 'config' (a new encoder)")
        if self.filters == "mel":
            channels, kernels = (getattr(self.config, key, None) for key in ("conv_channels", "conv_kernel"))
            if not channels or not kernels:
                raise ValueError("filters: mel needs a new encoder with convolutions")
            mel_filters(channels[0], kernels[0])
        if self.streaming is not None and self.config is not None:
            self.streaming.change(new_config(self.config))
        return self

    def build(self, task: Task, seed: int, train: Sequence[Cut] = ()) -> TaskModel:
        """The model at the start of a run; weights that are new are a function of the seed.

        Args:
            task: whose head it gets, unless it is a task model that has one.
            seed: of the new weights.
            train: training data, for a head that depends on it.

        Raises:
            CheckpointError: the checkpoint cannot be loaded.
            DataError: training data that the head cannot be made for.
        """
        torch.manual_seed(seed)
        if self.source is not None and is_task_model(self.source):
            loaded = TaskModel.from_pretrained(self.source)
            wanted = task.config(loaded.config.encoder, train)
            _check_head(self.source, loaded.config, wanted)
            self._change(loaded.config.encoder)
            loaded.config.scoring_options = wanted.scoring_options
            model = TaskModel(loaded.config)
            # Scoring is fitted anew at the end of each stage.
            model.encoder.load_state_dict(loaded.encoder.state_dict())
            model.head.load_state_dict(loaded.head.state_dict())
            return model
        if self.source is not None:
            encoder = SpeechEncoder.from_pretrained(self.source)
        else:
            encoder = SpeechEncoder(new_config(self.config))
            if self.filters == "mel":
                convolutions: Any = encoder.frontend.conv
                first = convolutions[0].conv.weight
                with torch.no_grad():
                    first.copy_(mel_filters(first.shape[0], first.shape[2])[:, None])
        self._change(encoder.config)
        model = TaskModel(task.config(encoder.config, train))
        model.encoder.load_state_dict(encoder.state_dict())
        return model

    def _change(self, config: EncoderConfig) -> None:
        if self.streaming is not None:
            self.streaming.change(config)
        config.layerdrop = self.layerdrop
        if self.dropout is None:
            return
        for name in DROPOUTS:
            setattr(config, name, self.dropout)


def new_config(options: Any) -> EncoderConfig:
    """The config of a new encoder."""
    fields = options.model_dump()
    shape = uniform_shape(**{name: fields.pop(name) for name in _SHAPE})
    return EncoderConfig(shape=shape, **fields)


def is_task_model(source: str) -> bool:
    """Whether a directory holds a task model of ours."""
    path = Path(source) / "config.json"
    if not path.is_file():
        return False
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("model_type") == TaskConfig.model_type
    except (ValueError, AttributeError):
        return False  # what is wrong with it is told by whoever loads it


def _check_head(source: str, found: TaskConfig, wanted: TaskConfig) -> None:
    """Raises: RecipeError: the head of a task model is not the one that the recipe's task trains."""
    if found.task != wanted.task:
        raise RecipeError(
            f"encoder.from: {source} is a model for {found.task}, the recipe for {wanted.task}; give an encoder, or"
            f" a model for {wanted.task}"
        )
    for key in OUTPUTS:
        if found.head.get(key) != wanted.head.get(key):
            raise RecipeError(
                f"encoder.from: the head of {source} has {key} {found.head.get(key)!r}, the recipe's would have"
                f" {wanted.head.get(key)!r}; give an encoder, or change the recipe's task"
            )


OUTPUTS = ("kind", "classes", "angular", "speakers", "at_once")
"""Options of heads that decide on what their outputs mean."""

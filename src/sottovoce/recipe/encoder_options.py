"""The encoder section of a recipe: where the network comes from."""

from __future__ import annotations

import inspect
import types
import typing
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from pydantic import BaseModel, Field, create_model, model_validator

from ..encoder.checks.config_rules import WITHOUT_LAYERS, width_without_layers
from ..encoder.config import EncoderConfig, uniform_shape
from ..encoder.frontend.without_layers import NO_LAYERS, PLAIN
from ..encoder.layers.conformer_convolution import ConvolutionModule
from ..encoder.model import SpeechEncoder
from ..encoder.streaming.encoder_stream import check_streamable
from ..errors import DataError, RecipeError, TrainingError
from ..models.loading import is_own_task_model, is_task_model, load_pretrained
from ..models.task_config import TaskConfig
from ..models.task_model import TaskModel
from ..options import Options
from ..options.bounds import WIDEST
from ..tasks.task import Task
from ..training.filters import mel_filters

if TYPE_CHECKING:
    from lhotse.cut import Cut

STREAMING = ("chunk_frames", "left_chunks", "training_chunks", "full_context")
"""The config fields that `StreamingOptions` sets."""

_SHAPE = inspect.signature(uniform_shape).parameters
_CONFIG = {
    name: parameter
    for name, parameter in inspect.signature(EncoderConfig.__init__).parameters.items()
    if name not in ("self", "shape", "original_shape", "stock", "kwargs", *STREAMING)
}
_WIDTHS = {name: _CONFIG[name].default for name in ("filterbank_bins", "stacked_windows")}
DROPOUTS = tuple(name for name in _CONFIG if name.endswith("dropout"))


MOST = {"layers": 1_000, "heads": 4_096, "downsampling": 1_000, "fixed_samples": 2**30}
"""Upper bounds of integers that are not widths."""

EMPTY = ("layers", "heads", "ffn", "convolution", "left_positions", "right_positions")
"""Fields that may be 0, as for a block that was pruned away or a bare filterbank."""

PARTS = 64
"""Maximum number of consecutive convolutions."""


def _fields() -> dict[str, Any]:
    """Every argument of `uniform_shape` and `EncoderConfig`, with its type, bounds and default."""
    hints = typing.get_type_hints(uniform_shape) | typing.get_type_hints(EncoderConfig.__init__)
    defaults = {name: parameter.default for name, parameter in {**_CONFIG, **_SHAPE}.items()}
    return {
        name: (_bounded(name, hints[name]), list(default) if isinstance(default, tuple) else default)
        for name, default in defaults.items()
    }


def _bounded(name: str, kind: Any) -> Any:
    """A type with bounds: integers are counts, floats are probabilities or small numbers."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return typing.Union[tuple(_bounded(name, each) for each in typing.get_args(kind))]  # noqa: UP007
    if kind is int:
        return Annotated[int, Field(ge=0 if name in EMPTY else 1, le=MOST.get(name, WIDEST))]
    if kind is float and "drop" in name:
        return Annotated[float, Field(ge=0, lt=1)]
    if kind is float:
        return Annotated[float, Field(gt=0)]
    if kind == Sequence[int]:
        return Annotated[list[Annotated[int, Field(ge=1, le=WIDEST)]], Field(min_length=1, max_length=PARTS)]
    return kind


class _Consistent(Options):
    @model_validator(mode="before")
    @classmethod
    def _heads_fit(cls, data: Any) -> Any:
        # By default a new encoder has all attention heads, which together have the residual width.
        if not isinstance(data, dict):
            return data
        if (front := data.get("front_end")) in WITHOUT_LAYERS:
            data = {**NO_LAYERS, **PLAIN[front], **data}
            with suppress(DataError):  # a width that is no number is told with all other problems
                data = {"hidden_size": width_without_layers({**_WIDTHS, **data}), **data}
        width, heads = (data.get(name, _SHAPE[name].default) for name in ("hidden_size", "heads"))
        if isinstance(width, int) and isinstance(heads, int) and heads > 0 and width <= WIDEST:
            data = {"attention_heads": heads, "head_dim": width // heads, **data}
        return data


NewEncoder = create_model("NewEncoder", __base__=_Consistent, **_fields())
NewEncoder.__doc__ = """A randomly initialized encoder: arguments of `uniform_shape` and `EncoderConfig`.

``front_end: samples`` or ``features`` makes an encoder without layers, which needs no other field."""


class StreamingOptions(Options):
    """Make an encoder that can run on a stream of audio: causal convolutions, running statistics, attention in chunks.

    This changes the outputs of an encoder from a checkpoint, so fine-tune it before anything is pruned.

    Args:
        chunk: length of a chunk in frames (of 20 ms, without downsampling), in evaluations and in the finished model;
            default: the first of ``chunks``.
        chunks: chunk lengths from which each training step draws one, so that the model works with all of them.
        left: number of earlier chunks that a frame attends to.
        full: probability of a training step in which every frame attends to the whole utterance, so that the model also
            works without streaming.
    """

    chunk: int | None = Field(None, ge=1)
    chunks: list[Annotated[int, Field(ge=1)]] = Field([16, 8, 32], min_length=1)
    left: int = Field(4, ge=0)
    full: float = Field(0.3, ge=0, lt=1)

    def change(self, config: EncoderConfig) -> None:
        """Change the config to that of a streaming encoder.

        Raises:
            StreamingError: the encoder has parts that cannot stream.
        """
        config.causal_convolution, config.feature_norm, config.normalize = True, "running", False
        config.chunk_frames, config.left_chunks = self.chunk or self.chunks[0], self.left
        config.training_chunks, config.full_context = list(self.chunks), self.full
        check_streamable(config)


class EncoderOptions(Options):
    """A checkpoint, or the widths of a new encoder.

    Args:
        source: (``from`` in the file) directory or hub id of anything `SpeechEncoder.from_pretrained` loads, or of a task
            model.
        head: ``keep`` the head of a task model, or start with a ``new`` one. By default the head of a sottovoce task model
            is kept, and that of a stock class if it fits the recipe's task (a ``...ForCTC`` for recognition, with its
            vocabulary).
        config: config of a new, randomly initialized encoder.
        filters: initial weights of the first convolution of a new encoder: ``random``, or ``mel`` band-pass filters.
        downsampling: (with ``from``) number of frames that are merged into one before the layers, by a new learned map
            that is initialized to their mean; ``None`` leaves the encoder as it is.
        dropout: set every dropout probability to this; ``None`` leaves them as they are.
        streaming: make an encoder that can run on a stream of audio, see `StreamingOptions`; ``None`` leaves it as it is.
        layerdrop: probability of skipping a layer in training. The default is 0, because hidden states of skipped layers
            cannot be compared with those of a teacher.
    """

    source: str | None = Field(None, alias="from")
    head: Literal["keep", "new"] | None = None
    config: NewEncoder | None = None
    filters: Literal["random", "mel"] = "random"
    downsampling: int | None = Field(None, ge=2)
    dropout: float | None = Field(None, ge=0, lt=1)
    layerdrop: float = Field(0.0, ge=0, lt=1)
    streaming: StreamingOptions | None = None

    @model_validator(mode="after")
    def _one_source(self) -> EncoderOptions:
        if (self.source is None) == (self.config is None):
            raise ValueError("give either 'from' (a checkpoint) or 'config' (a new encoder)")
        if self.head is not None and self.config is not None:
            raise ValueError("a new encoder has no head to keep or to leave; leave 'head' out")
        if self.downsampling is not None and self.config is not None:
            raise ValueError(
                "downsampling is for an encoder 'from' a checkpoint; of a new one it is an option of its config"
            )
        if self.filters == "mel":
            channels, kernels = (getattr(self.config, key, None) for key in ("conv_channels", "conv_kernel"))
            if not channels or not kernels:
                raise ValueError("filters: mel needs a new encoder with convolutions")
            try:
                mel_filters(channels[0], kernels[0])
            except TrainingError as error:
                raise ValueError(f"filters: {error}") from None
        if self.config is not None:
            config = new_config(self.config)
            if self.streaming is not None:
                self.streaming.change(config)
        return self

    def build(self, task: Task, seed: int, train: Sequence[Cut] = ()) -> TaskModel:
        """The model at the start of a run. New weights are a function of the seed.

        Args:
            task: the task whose head the model gets, unless the head of a task model is kept.
            seed: seed of the new weights.
            train: training data, for a head whose outputs depend on it.

        Raises:
            CheckpointError: the checkpoint cannot be loaded.
            DataError: training data from which the head cannot be made.
        """
        torch.manual_seed(seed)
        if self.source is not None:
            loaded = self._loaded(self.source, task, train)
            if isinstance(loaded, TaskModel):
                self.change(loaded.config.encoder)
                loaded.config.scoring_options = task.config(loaded.config.encoder, train).scoring_options
                model = TaskModel(loaded.config)
                # Scoring is fitted anew at the end of each stage.
                _fill(model.encoder, loaded.encoder)
                model.head.load_state_dict(loaded.head.state_dict())
                return model
            encoder = loaded
        else:
            assert self.config is not None  # one of ``from`` and ``config`` is given
            encoder = SpeechEncoder(new_config(self.config))
            if self.filters == "mel":
                convolutions: Any = encoder.frontend.conv
                first = convolutions[0].conv.weight
                with torch.no_grad():
                    first.copy_(mel_filters(first.shape[0], first.shape[2])[:, None])
        self.change(encoder.config)
        model = TaskModel(task.config(encoder.config, train))
        _fill(model.encoder, encoder)
        return model

    def _loaded(self, source: str, task: Task, train: Sequence[Cut]) -> SpeechEncoder | TaskModel:
        """The checkpoint, with its head if the head is kept."""
        if self.head == "new" or (self.head is None and not is_task_model(source)):
            return load_pretrained(source, encoder_only=True)
        loaded = load_pretrained(source)
        if not isinstance(loaded, TaskModel):
            raise RecipeError(f"encoder.head: {source} is an encoder without a head to keep; leave 'head' out")
        fault = head_fault(loaded.config, task.config(loaded.config.encoder, train))
        if fault is None:
            return loaded
        if self.head is None and not is_own_task_model(source):
            warnings.warn(f"{source}: its head starts anew: {fault}", stacklevel=2)
            return loaded.encoder
        raise RecipeError(f"encoder.from: {source}: {fault}; take head: new, or change the recipe's task")

    def change(self, config: EncoderConfig) -> None:
        """Apply the recipe's changes to the config of a loaded encoder."""
        if self.downsampling is not None:
            if config.downsampling > 1:
                raise RecipeError(
                    f"encoder.downsampling: {self.source} already makes one frame of {config.downsampling}; leave it out"
                )
            config.downsampling = self.downsampling
        if self.streaming is not None:
            self.streaming.change(config)
        config.layerdrop = self.layerdrop
        if self.dropout is None:
            return
        for name in DROPOUTS:
            setattr(config, name, self.dropout)


def _fill(encoder: SpeechEncoder, loaded: SpeechEncoder) -> None:
    """Copy the weights of a loaded encoder into one with a changed config."""
    encoder.load_state_dict(encoder.state_dict() | loaded.state_dict())
    before = {name: each.padding[0] for name, each in _convolutions(loaded)}
    for name, convolution in _convolutions(encoder):
        convolution.move_taps(before[name])


def _convolutions(encoder: SpeechEncoder) -> Iterator[tuple[str, ConvolutionModule]]:
    return ((name, each) for name, each in encoder.named_modules() if isinstance(each, ConvolutionModule))


def new_config(options: BaseModel) -> EncoderConfig:
    """The config of a new encoder."""
    fields = options.model_dump()
    shape = uniform_shape(**{name: fields.pop(name) for name in _SHAPE})
    return EncoderConfig(shape=shape, **fields)


def head_fault(found: TaskConfig, wanted: TaskConfig, owner: str = "the recipe") -> str | None:
    """Why the outputs of a task model have another meaning than those that the recipe (or another ``owner``) needs; ``None``
    if they have the same."""
    if found.task != wanted.task:
        return f"it is a model for {found.task}, {owner} for {wanted.task}"
    for key in OUTPUTS:
        if found.head.get(key) != wanted.head.get(key):
            return f"its head has {key} {found.head.get(key)!r}, {owner}'s would have {wanted.head.get(key)!r}"
    return None


OUTPUTS = ("kind", "classes", "angular", "speakers", "at_once")
"""Options of heads that determine the meaning of their outputs."""

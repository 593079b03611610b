"""The config of an encoder: its parts, and the shape, which says how wide each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ..errors import CheckpointError
from .checks.checked_config import CheckedConfig
from .checks.config_rules import (
    RULES,
    WIDTH,
    WIDTHS,
    WITHOUT_LAYERS,
    Shape,
    check_against_original,
    check_shape,
    check_without_layers,
)
from .checks.values import check, short
from .frontend.mel_analysis import HOP
from .streaming.chunks import Chunks


class EncoderConfig(CheckedConfig):
    """The parts and the shape of a `SpeechEncoder`. Without arguments: WavLM Base.

    Args:
        shape: widths of every part, see `uniform_shape`. Lists of ids may be given as ranges (``"0-11,14"``).
        original_shape: the shape before any pruning, to which the fractions of a budget refer; default: ``shape``.
        family: the family of the checkpoint that it came from (``wavlm``, ``hubert``, ...), for conversion back.
        front_end: ``waveform`` (convolutions) or ``filterbank`` (log filterbank); for an encoder without layers (see
            `without_layers`) ``samples`` (the waveform itself) or ``features`` (the log filterbank itself).
        fixed_samples: (``samples``) number of samples that every utterance is repeated or cut to; ``None``: utterances stay
            as long as they are.
        filterbank, filterbank_bins, filterbank_scale, stacked_windows: see `Filterbank`; ``filterbank`` is a name in
            `mel_analysis.TOOLKITS`. The defaults are those of w2v-BERT 2.0.
        feature_norm: statistics that normalize the bins: of the ``utterance`` for each bin, its ``level`` over all bins
            together, the ``mean`` alone for each bin, ``running`` over the last 10 s for each bin, for a stream; or
            ``none``.
        normalize, normalize_eps: bring each waveform to zero mean and unit variance first, with this epsilon added to the
            variance: 1e-7 in stock feature extractors, 1e-5 in the original WavLM, s3prl, and the pruned networks of DPHuBERT,
            DiariZen and WeDefense.
        conv_kernel, conv_stride, conv_bias, conv_norm: the convolutions of the front end; ``group`` normalizes the first
            one over time, ``layer`` each one over channels.
        channel_scale: a factor for each channel of the last convolution, before the projection's norm, where a soft gate
            cannot be folded into weights (pruned checkpoints of DPHuBERT and DiariZen).
        downsampling: number of frames that a learned map merges into one before the first layer; 1: no downsampling.
        projection_norm: a LayerNorm before the projection into the residual stream.
        layer: ``post_norm``, ``pre_norm`` (Transformer) or ``conformer``.
        position: the position scheme of attention: ``none``, WavLM's ``gated_relative_bias``, ``relative_key`` (clamped),
            ``rotary`` or ``relative`` (sinusoidal).
        head_dim: width of one attention head, ``d``.
        attention_heads: original number of heads. For each, WavLM's bias table has a column and its gate reads a slice of
            the stream.
        num_buckets, max_distance: rows of WavLM's bias table, and the distance in frames from which on all
            distances in a direction share a row.
        left_positions, right_positions: distances in frames at which relative keys are clamped.
        rotary_base: base of the rotary frequencies.
        positional_norm: whether each layer of the positional convolution has a norm, as in data2vec.
        depthwise_kernel, causal_convolution, convolution_norm: kernel size of the Conformer's convolution module, whether
            it is causal, and its norm (``batch`` or ``layer``).
        final_norm: a LayerNorm after the last layer.
        s3prl_states: hidden states as s3prl gives them to the networks on an encoder: the last one is after the final norm,
            and the last frame of an utterance is repeated until every hop that has begun has one.
        activation: activation of feed-forward and convolution modules: ``gelu``, ``relu`` or ``swish``.
        layer_eps, norm_eps: epsilon of the norms inside the layers, and of those outside them.
        dropout, attention_dropout, activation_dropout, projection_dropout, convolution_dropout, layerdrop: probabilities.
        initializer_range: standard deviation of the weights of newly initialized linear maps.
        chunk_frames: frames in a chunk of attention (see `Chunks`); ``None``: every frame attends to the whole utterance.
        left_chunks: number of chunks before its own that a frame attends to.
        training_chunks: chunk sizes in frames, one of which each training step draws; ``None``: always ``chunk_frames``.
        full_context: probability that every frame attends to the whole utterance in a training step.
        stock: the stock config that the encoder came from, so that converting back loses nothing.
        origin: ``name`` and ``license`` of the checkpoint that the weights came from, for the model card.

    Raises:
        CheckpointError: an unknown name, a value of another type or out of range, or a shape that does not fit.
    """

    model_type = "sottovoce"
    optional = ("original_shape",)

    def __init__(
        self,
        shape: Shape | None = None,
        original_shape: Shape | None = None,
        family: str = "wavlm",
        front_end: str = "waveform",
        fixed_samples: int | None = None,
        filterbank: str = "seamless",
        filterbank_bins: int = 80,
        filterbank_scale: str = "mel",
        stacked_windows: int = 2,
        feature_norm: str = "utterance",
        normalize: bool = False,
        normalize_eps: float = 1e-7,
        conv_kernel: Sequence[int] = (10, 3, 3, 3, 3, 2, 2),
        conv_stride: Sequence[int] = (5, 2, 2, 2, 2, 2, 2),
        conv_bias: bool = False,
        conv_norm: str = "group",
        channel_scale: bool = False,
        downsampling: int = 1,
        projection_norm: bool = True,
        layer: str = "post_norm",
        position: str = "gated_relative_bias",
        head_dim: int = 64,
        attention_heads: int = 12,
        num_buckets: int = 320,
        max_distance: int = 800,
        left_positions: int = 64,
        right_positions: int = 8,
        rotary_base: float = 10000.0,
        positional_norm: bool = False,
        depthwise_kernel: int = 31,
        causal_convolution: bool = False,
        convolution_norm: str = "layer",
        final_norm: bool = False,
        s3prl_states: bool = False,
        activation: str = "gelu",
        layer_eps: float = 1e-5,
        norm_eps: float = 1e-5,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        activation_dropout: float = 0.0,
        projection_dropout: float = 0.0,
        convolution_dropout: float = 0.0,
        layerdrop: float = 0.0,
        initializer_range: float = 0.02,
        chunk_frames: int | None = None,
        left_chunks: int = 4,
        training_chunks: Sequence[int] | None = None,
        full_context: float = 0.0,
        stock: dict[str, object] | None = None,
        origin: dict[str, str | None] | None = None,
        **kwargs: Any,
    ):
        given = {name: value for name, value in locals().items() if name in RULES}
        check(given, RULES)
        if len(conv_kernel) != len(conv_stride):
            raise CheckpointError(
                f"config: conv_kernel has {len(conv_kernel)} entries and conv_stride {len(conv_stride)}; give one for"
                " each convolution"
            )
        convolutions = len(conv_kernel) if front_end == "waveform" else None
        for name, each in (("shape", shape), ("original_shape", original_shape)):
            if each is not None:
                check_shape(each, layer, convolutions, f"config: {name}")
        self.shape = ids_as_lists(shape) if shape is not None else uniform_shape()
        self.original_shape = ids_as_lists(original_shape) if original_shape is not None else self.shape
        check_against_original(self.shape, self.original_shape)
        if front_end in WITHOUT_LAYERS:
            check_without_layers(self.original_shape, given)
        elif fixed_samples is not None:
            raise CheckpointError(f"config: fixed_samples is for the front end samples, not {front_end}; leave it out")
        self.family = family
        self.front_end = front_end
        self.fixed_samples = fixed_samples
        self.filterbank = filterbank
        self.filterbank_bins = filterbank_bins
        self.filterbank_scale = filterbank_scale
        self.stacked_windows = stacked_windows
        self.feature_norm = feature_norm
        self.normalize = normalize
        self.normalize_eps = normalize_eps
        self.conv_kernel = list(conv_kernel)
        self.conv_stride = list(conv_stride)
        self.conv_bias = conv_bias
        self.conv_norm = conv_norm
        self.channel_scale = channel_scale
        self.downsampling = downsampling
        self.projection_norm = projection_norm
        self.layer = layer
        self.position = position
        self.head_dim = head_dim
        self.attention_heads = attention_heads
        self.num_buckets = num_buckets
        self.max_distance = max_distance
        self.left_positions = left_positions
        self.right_positions = right_positions
        self.rotary_base = rotary_base
        self.positional_norm = positional_norm
        self.depthwise_kernel = depthwise_kernel
        self.causal_convolution = causal_convolution
        self.convolution_norm = convolution_norm
        self.final_norm = final_norm
        self.s3prl_states = s3prl_states
        self.activation = activation
        self.layer_eps = layer_eps
        self.norm_eps = norm_eps
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation_dropout = activation_dropout
        self.projection_dropout = projection_dropout
        self.convolution_dropout = convolution_dropout
        self.layerdrop = layerdrop
        self.initializer_range = initializer_range
        self.chunk_frames = chunk_frames
        self.left_chunks = left_chunks
        self.training_chunks = None if training_chunks is None else list(training_chunks)
        self.full_context = full_context
        self.stock = stock
        self.origin = origin
        super().__init__(**kwargs)

    @property
    def samples_per_frame(self) -> int:
        """Number of samples from one frame of the hidden states to the next."""
        if self.front_end == "samples":
            return 1
        front = prod(self.conv_stride) if self.front_end == "waveform" else HOP * self.stacked_windows
        return front * self.downsampling

    @property
    def hidden_size(self) -> int:
        """Residual width now, ``D``."""
        return len(self.shape["residual"])

    @property
    def num_hidden_layers(self) -> int:
        """Number of layers, ``L``."""
        return len(self.shape["layers"])

    @property
    def original_hidden_size(self) -> int:
        """Residual width before any pruning."""
        return len(self.original_shape["residual"])

    @property
    def chunks(self) -> Chunks | None:
        """The chunks of attention; ``None``: every frame attends to the whole utterance."""
        return None if self.chunk_frames is None else Chunks(self.chunk_frames, self.left_chunks)

    def with_shape(self, shape: Shape) -> EncoderConfig:
        """A copy with another shape; ``original_shape`` stays."""
        fields = {**self.to_dict(), "shape": shape, "original_shape": ids_as_ranges(self.original_shape)}
        return type(self).from_dict(fields)

    def to_dict(self) -> dict[str, object]:
        fields = super().to_dict()
        fields["shape"] = ids_as_ranges(self.shape)
        if self.original_shape == self.shape:
            fields.pop("original_shape", None)
        else:
            fields["original_shape"] = ids_as_ranges(self.original_shape)
        return fields


def uniform_shape(
    *,
    hidden_size: int = 768,
    layers: int = 12,
    heads: int = 12,
    ffn: int = 3072,
    conv_channels: Sequence[int] | None = (512,) * 7,
    positional_groups: int | None = 16,
    positional_taps: Sequence[int] = (128,),
    convolution: int | None = None,
) -> Shape:
    """The shape of an encoder whose layers are all alike.

    Args:
        hidden_size: residual width ``D``.
        layers: number of layers.
        heads: number of attention heads of each layer.
        ffn: number of feed-forward inner units of each layer.
        conv_channels: channels of each front-end convolution; ``None`` for a filterbank.
        positional_groups: groups of the positional convolution; ``None`` where there is none.
        positional_taps: kernel size of each layer of the positional convolution.
        convolution: channels of the convolution module, which makes Conformer layers with two feed-forwards; ``None`` for
            Transformer layers.

    Raises:
        CheckpointError: a width that is out of range.
    """
    check({name: value for name, value in locals().items() if name in WIDTHS}, WIDTHS, "shape")

    def layer() -> Shape:
        attention: Shape = {"heads": list(range(heads))}
        if convolution is None:
            return {"attention": attention, "feed_forward": {"units": ffn}}
        return {
            "feed_forward1": {"units": ffn},
            "attention": attention,
            "convolution": {"channels": convolution},
            "feed_forward2": {"units": ffn},
        }

    positional = (
        {"groups": list(range(positional_groups)), "taps": list(positional_taps)} if positional_groups else None
    )
    return {
        "frontend": {"channels": list(conv_channels)} if conv_channels else {},
        "positional": positional,
        "layers": [layer() for _ in range(layers)],
        "residual": list(range(hidden_size)),
    }


ID_LISTS = ("heads", "groups", "residual")


def ids_as_ranges(shape: Shape) -> Shape:
    """``shape`` with its lists of ids as ranges (``"0-767"``), which people can read."""
    return {key: _with_ranges(part, key) for key, part in shape.items()}


def _with_ranges(part: Any, key: str) -> Any:
    if isinstance(part, dict):
        return ids_as_ranges(part)
    if isinstance(part, list):
        return _ranges(part) if key in ID_LISTS else [_with_ranges(each, "") for each in part]
    return part


def ids_as_lists(shape: Shape) -> Shape:
    """The inverse of `ids_as_ranges`; a copy.

    Raises:
        CheckpointError: a list of ids that cannot be read.
    """
    return {key: _with_lists(part, key) for key, part in shape.items()}


def _with_lists(part: Any, key: str) -> Any:
    if isinstance(part, dict):
        return ids_as_lists(part)
    if isinstance(part, list):
        return [_with_lists(each, "") for each in part]
    return _ids(part, key) if isinstance(part, str) and key in ID_LISTS else part


def _ids(text: str, key: str) -> list[int]:
    """The ids in a text of ranges, such as ``0-5,8``."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        try:
            a, b = int(first), int(last or first)
        except ValueError:
            raise CheckpointError(f"config: {key} is {short(text)}; write ids as ranges, such as '0-5,8'") from None
        if not (found[-1] if found else -1) < a <= b < WIDTH:
            raise CheckpointError(f"config: {key} is {short(text)}; ids go upwards, from 0 to {WIDTH - 1}")
        found += range(a, b + 1)
    return found


def _ranges(ids: list[int]) -> str:
    runs: list[list[int]] = []
    for i in ids:
        if runs and i == runs[-1][1] + 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)

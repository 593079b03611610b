"""Builds the parts of an encoder from its config, one function for each part."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .checks.config_rules import WITHOUT_LAYERS
from .config import EncoderConfig
from .frontend.as_stream import AsStream
from .frontend.feature_norm import FeatureNorm, MeanNorm, NoNorm, RunningNorm, UtteranceNorm
from .frontend.filterbank import Filterbank
from .frontend.mel_analysis import TOOLKITS
from .frontend.samples import SampleFrontEnd
from .frontend.waveform_frontend import FilterbankFrontEnd, Projection, WaveformFrontEnd
from .layers.layer_builder import LayerOptions
from .layers.positional_convolution import PositionalConvolution
from .layers.positions import (
    GatedRelativeBias,
    NoPosition,
    RelativeBiasTable,
    RelativeKey,
    RelativeKeyPositions,
    RelativePosition,
    Rotary,
    RotaryAngles,
    SinusoidPositions,
)
from .stream import ResidualStream, one_channel_each, rotary_pairs


def residual_stream(config: EncoderConfig) -> ResidualStream:
    ids = tuple(config.shape["residual"])
    index = rotary_pairs(ids, config.head_dim) if config.position == "rotary" else one_channel_each(len(ids))
    positional = config.original_shape["positional"]
    strata = len(positional["groups"]) if positional is not None else 1
    return ResidualStream(ids, config.original_hidden_size, index, strata, fixed=config.front_end in WITHOUT_LAYERS)


FEATURE_NORMS: dict[str, Callable[[], FeatureNorm]] = {
    "utterance": UtteranceNorm,
    "level": partial(UtteranceNorm, level=True),
    "mean": MeanNorm,
    "none": NoNorm,
    "running": RunningNorm,
}


def front_end(config: EncoderConfig, stream: ResidualStream) -> WaveformFrontEnd | FilterbankFrontEnd | SampleFrontEnd:
    if config.front_end == "samples":
        return SampleFrontEnd(config.fixed_samples)
    channels = config.shape["frontend"].get("channels")
    filterbank = Filterbank(
        config.filterbank_bins,
        config.filterbank_scale,
        FEATURE_NORMS[config.feature_norm](),
        TOOLKITS[config.filterbank],
        config.stacked_windows,
    )
    if config.front_end == "features":
        return FilterbankFrontEnd(filterbank, AsStream())
    inputs = channels[-1] if channels else filterbank.size
    projection = Projection(
        inputs, stream, eps=config.norm_eps, dropout=config.projection_dropout, norm=config.projection_norm
    )
    if config.front_end == "filterbank":
        return FilterbankFrontEnd(filterbank, projection)
    return WaveformFrontEnd(
        stream,
        channels,
        config.conv_kernel,
        config.conv_stride,
        bias=config.conv_bias,
        norm=config.conv_norm,
        act="gelu",
        normalize=config.normalize_eps if config.normalize else None,
        projection=projection,
        scale=config.channel_scale,
    )


def positional_convolution(config: EncoderConfig, stream: ResidualStream) -> PositionalConvolution | None:
    """The positional convolution; ``None`` where there is none, or all of its groups are removed."""
    shape = config.shape["positional"]
    if shape is None or not shape["groups"]:
        return None
    groups = len(config.original_shape["positional"]["groups"])
    return PositionalConvolution(
        stream, shape["groups"], groups, shape["taps"], norm=config.positional_norm, act="gelu"
    )


def shared_position(config: EncoderConfig, stream: ResidualStream) -> NoPosition:
    """The half of the position scheme that belongs to the encoder, see `layers.positions`."""
    if config.position == "gated_relative_bias":
        return RelativeBiasTable(config.num_buckets, config.max_distance, config.attention_heads)
    if config.position == "relative_key":
        return RelativeKeyPositions(config.left_positions, config.right_positions)
    if config.position == "rotary":
        return RotaryAngles(stream, config.head_dim, config.rotary_base)
    if config.position == "relative":
        return SinusoidPositions(stream.original)
    return NoPosition()


def layer_position(config: EncoderConfig, stream: ResidualStream, heads: list[int]) -> NoPosition:
    """The half of the position scheme that belongs to each layer, see `layers.positions`."""
    if config.position == "gated_relative_bias":
        return GatedRelativeBias(stream, heads, config.head_dim, config.attention_heads)
    if config.position == "relative_key":
        return RelativeKey(config.left_positions + config.right_positions + 1, config.head_dim)
    if config.position == "rotary":
        return Rotary(stream, config.head_dim)
    if config.position == "relative":
        return RelativePosition(stream.original, len(heads), config.head_dim)
    return NoPosition()


def layer_options(config: EncoderConfig, stream: ResidualStream) -> LayerOptions:
    """The options that all layers of an encoder have in common."""
    return LayerOptions(
        kind=config.layer,
        head_dim=config.head_dim,
        position=lambda heads: layer_position(config, stream, heads),
        act=config.activation,
        eps=config.layer_eps,
        dropout=config.dropout,
        inner_dropout=config.activation_dropout,
        attention_dropout=config.attention_dropout,
        convolution_dropout=config.convolution_dropout,
        kernel=config.depthwise_kernel,
        causal=config.causal_convolution,
        convolution_norm=config.convolution_norm,
    )

"""Conformer layers of a head. Their model width is fixed; their other widths can be pruned."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from ..encoder.config import Shape
from ..encoder.layers.layer_builder import LayerOptions, build_layer
from ..encoder.layers.positions import NoPosition
from ..encoder.stream import ResidualStream, one_channel_each


def whole_layer(width: int, *, inner: int, heads: int) -> Shape:
    """The shape of an unpruned Conformer layer: feed-forward units, attention heads, channels of the convolution."""
    return {
        "feed_forward1": {"units": inner},
        "attention": {"heads": list(range(heads))},
        "convolution": {"channels": width},
        "feed_forward2": {"units": inner},
    }


def conformers(
    width: int,
    layers: list[Shape],
    *,
    head_dim: int,
    kernel: int,
    dropout: float,
    position: Callable[[int], NoPosition] = lambda heads: NoPosition(),
    eps: float = 1e-5,
) -> nn.ModuleList:
    """Conformer layers with batch norm and biases in their convolution modules, as DiariZen and ESPnet have them.

    While training, statistics come from valid frames only; afterwards no utterance depends on its batch.

    Args:
        width: model width of the layers.
        layers: the shape of each layer, see `whole_layer`; ``None`` for a block that was pruned away.
        head_dim: width of one attention head.
        kernel: taps of the convolution.
        dropout: dropout probability inside the layers.
        position: number of attention heads -> the positional part of one layer's attention.
        eps: epsilon of the LayerNorms.
    """
    stream = ResidualStream(tuple(range(width)), width, one_channel_each(width), fixed=True)
    options = LayerOptions(
        kind="conformer",
        head_dim=head_dim,
        position=lambda heads: position(len(heads)),
        act="swish",
        eps=eps,
        dropout=dropout,
        inner_dropout=dropout,
        attention_dropout=dropout,
        convolution_dropout=dropout,
        kernel=kernel,
        convolution_norm="batch",
        convolution_bias=True,
    )
    return nn.ModuleList(build_layer(stream, layer, options) for layer in layers)

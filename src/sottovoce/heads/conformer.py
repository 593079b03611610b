"""Conformer layers of a head: of a width of their own, which stays, and with units that can be pruned."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from ..encoder.config import Shape
from ..encoder.layers.layer_builder import LayerOptions, build_layer
from ..encoder.layers.positions import NoPosition
from ..encoder.stream import ResidualStream, one_channel_each


def whole_layer(width: int, *, inner: int, heads: int) -> Shape:
    """The shape of a Conformer layer of which nothing is gone: feed-forward units, attention heads, channels."""
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
) -> nn.ModuleList:
    """Conformer layers with a LayerNorm in their convolution modules: a batch says nothing about another.

    Args:
        width: of their stream.
        layers: the shape of each, see `whole_layer`; a block that is gone is ``None``.
        head_dim: width of an attention head.
        kernel: convolution taps.
        dropout: inside them.
        position: the layer half of a position scheme, of so many heads.
    """
    stream = ResidualStream(tuple(range(width)), width, one_channel_each(width), fixed=True)
    options = LayerOptions(
        kind="conformer",
        head_dim=head_dim,
        position=lambda heads: position(len(heads)),
        act="swish",
        eps=1e-5,
        dropout=dropout,
        inner_dropout=dropout,
        attention_dropout=dropout,
        convolution_dropout=dropout,
        kernel=kernel,
    )
    return nn.ModuleList(build_layer(stream, layer, options) for layer in layers)

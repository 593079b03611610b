"""Conformer layers of a head: of a width of their own, which stays, and with units that can be pruned."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from ..encoder.config import Shape
from ..encoder.layers.attention import SelfAttention
from ..encoder.layers.blocks import ConformerLayer
from ..encoder.layers.conformer_convolution import ConvolutionModule
from ..encoder.layers.feed_forward import FeedForward
from ..encoder.layers.positions import NoPosition
from ..encoder.stream import ResidualStream, single


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
    stream = ResidualStream(tuple(range(width)), width, single(width), fixed=True)

    def feed_forward(of: Shape | None) -> FeedForward | None:
        if of is None:
            return None
        return FeedForward(stream, of["units"], act="swish", inner_dropout=dropout, dropout=dropout)

    def attention(of: Shape | None) -> SelfAttention | None:
        if of is None:
            return None
        heads = of["heads"]
        return SelfAttention(
            stream, heads, head_dim, position=position(len(heads)), attention_dropout=dropout, dropout=dropout
        )

    def convolution(of: Shape | None) -> ConvolutionModule | None:
        if of is None:
            return None
        return ConvolutionModule(
            stream, of["channels"], kernel=kernel, causal=False, norm="layer", act="swish", eps=1e-5, dropout=dropout
        )

    return nn.ModuleList(
        ConformerLayer(
            stream,
            feed_forward1=feed_forward(layer["feed_forward1"]),
            attention=attention(layer["attention"]),
            convolution=convolution(layer["convolution"]),
            feed_forward2=feed_forward(layer["feed_forward2"]),
            eps=1e-5,
        )
        for layer in layers
    )

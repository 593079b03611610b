"""A Conformer layer of a head: of a width of its own, and never pruned."""

from __future__ import annotations

from ..encoder.attention import SelfAttention
from ..encoder.conformer_convolution import ConvolutionModule
from ..encoder.feed_forward import FeedForward
from ..encoder.layers import ConformerLayer
from ..encoder.positions import NoPosition
from ..encoder.stream import Stream, single


def conformer(
    width: int, *, inner: int, heads: int, kernel: int, dropout: float, position: NoPosition
) -> ConformerLayer:
    """A Conformer layer with a LayerNorm in its convolution module: a batch says nothing about another.

    Args:
        width: of its stream.
        inner, heads, kernel: feed-forward units, attention heads and convolution taps.
        dropout: inside it.
        position: the layer half of a position scheme.
    """
    stream = Stream(tuple(range(width)), width, single(width))

    def feed_forward() -> FeedForward:
        return FeedForward(stream, inner, act="swish", inner_dropout=dropout, dropout=dropout)

    return ConformerLayer(
        stream,
        feed_forward1=feed_forward(),
        attention=SelfAttention(
            stream, range(heads), width // heads, position=position, attention_dropout=dropout, dropout=dropout
        ),
        convolution=ConvolutionModule(
            stream, width, kernel=kernel, causal=False, norm="layer", act="swish", eps=1e-5, dropout=dropout
        ),
        feed_forward2=feed_forward(),
        eps=1e-5,
    )

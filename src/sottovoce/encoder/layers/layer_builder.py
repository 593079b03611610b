"""A layer of given widths: encoders are built of them, and so are heads with layers of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..config import Shape
from ..stream import ResidualStream
from .attention import SelfAttention
from .blocks import ConformerLayer, PostNormLayer, PreNormLayer
from .conformer_convolution import ConvolutionModule
from .feed_forward import FeedForward
from .positions import NoPosition


@dataclass(frozen=True, kw_only=True)
class LayerOptions:
    """Everything about a layer but its widths, which are in its shape.

    Args:
        kind: ``pre_norm``, ``post_norm`` or ``conformer``.
        head_dim: width of an attention head.
        position: function from the ids of the kept heads to the layer half of the position scheme.
        act: activation of feed-forward blocks and convolution modules.
        eps: epsilon of the LayerNorms.
        dropout: dropout probability of the output of feed-forward blocks and, in a Transformer layer, of attention.
        inner_dropout: dropout probability of the inner units of feed-forward blocks.
        attention_dropout: dropout probability of the attention weights and, in a Conformer layer, of the attention's output.
        convolution_dropout: dropout probability of the output of a convolution module.
        kernel: number of taps of a convolution module.
        causal: whether a convolution module sees no later frames.
        convolution_norm: norm inside a convolution module: ``batch`` or ``layer``.
        convolution_bias: whether the convolutions of a convolution module have biases.
    """

    kind: str
    head_dim: int
    position: Callable[[list[int]], NoPosition]
    act: str
    eps: float
    dropout: float
    inner_dropout: float
    attention_dropout: float
    convolution_dropout: float = 0.0
    kernel: int = 31
    causal: bool = False
    convolution_norm: str = "layer"
    convolution_bias: bool = False


def build_layer(
    stream: ResidualStream, shape: Shape, options: LayerOptions
) -> PreNormLayer | PostNormLayer | ConformerLayer:
    """Build a layer with the widths in ``shape``, an entry of ``layers`` in an encoder's shape. A removed block is ``None``."""
    conformer = options.kind == "conformer"
    attention = None
    if shape["attention"] is not None:
        heads = shape["attention"]["heads"]
        attention = SelfAttention(
            stream,
            heads,
            options.head_dim,
            position=options.position(heads),
            attention_dropout=options.attention_dropout,
            dropout=options.attention_dropout if conformer else options.dropout,
        )
    if not conformer:
        transformer = PreNormLayer if options.kind == "pre_norm" else PostNormLayer
        feed_forward = _feed_forward(stream, shape["feed_forward"], options)
        return transformer(stream, attention=attention, feed_forward=feed_forward, eps=options.eps)
    convolution = None
    if shape["convolution"] is not None:
        convolution = ConvolutionModule(
            stream,
            shape["convolution"]["channels"],
            kernel=options.kernel,
            causal=options.causal,
            norm=options.convolution_norm,
            act=options.act,
            eps=options.eps,
            dropout=options.convolution_dropout,
            bias=options.convolution_bias,
        )
    return ConformerLayer(
        stream,
        feed_forward1=_feed_forward(stream, shape["feed_forward1"], options),
        attention=attention,
        convolution=convolution,
        feed_forward2=_feed_forward(stream, shape["feed_forward2"], options),
        eps=options.eps,
    )


def _feed_forward(stream: ResidualStream, shape: Shape | None, options: LayerOptions) -> FeedForward | None:
    if shape is None:
        return None
    return FeedForward(
        stream, shape["units"], act=options.act, inner_dropout=options.inner_dropout, dropout=options.dropout
    )

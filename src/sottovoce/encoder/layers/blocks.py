"""The three kinds of layer. Each maps the residual stream ``[B, T, D] -> [B, T, D]``.

A block that has been removed is ``None`` and adds nothing, not even a bias. ``context`` says which frames attend to which;
``cache`` holds what a layer needs of the earlier chunks of a stream.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..loading.recomputed import RecomputedLayer
from ..stream import ResidualStream
from ..streaming.cache import LayerCache
from ..units import Unit, block
from .attention import ALL, AttentionContext, SelfAttention
from .conformer_convolution import ConvolutionModule
from .feed_forward import FeedForward


class PostNormLayer(RecomputedLayer):
    """Transformer layer with the norms after the residual sums, as in wav2vec 2.0 Base."""

    def __init__(
        self, stream: ResidualStream, *, attention: SelfAttention | None, feed_forward: FeedForward | None, eps: float
    ):
        super().__init__()
        self.stream = stream
        self.attention = attention
        self.attention_norm = nn.LayerNorm(stream.width, eps=eps)
        self.feed_forward = feed_forward
        self.feed_forward_norm = nn.LayerNorm(stream.width, eps=eps)

    def forward(self, x: Tensor, context: AttentionContext = ALL, cache: LayerCache | None = None) -> Tensor:
        """``[B, T, D] -> [B, T, D]``."""
        if self.attention is not None:
            x = x + self.attention(x, context, cache)
        x = self.attention_norm(x)
        if self.feed_forward is not None:
            x = x + self.feed_forward(x)
        return self.feed_forward_norm(x)

    def units(self) -> list[Unit]:
        out = [self.stream.part(gated_norms=["attention_norm", "feed_forward_norm"])]
        for name, kind in (("attention", "attention_block"), ("feed_forward", "ffn_block")):
            if getattr(self, name) is not None:
                out.append(whole_block(self, self.stream, name, kind))
        return out


class PreNormLayer(RecomputedLayer):
    """Transformer layer with the norms before its blocks, as in wav2vec 2.0 Large."""

    def __init__(
        self, stream: ResidualStream, *, attention: SelfAttention | None, feed_forward: FeedForward | None, eps: float
    ):
        super().__init__()
        self.stream = stream
        self.attention = attention
        self.attention_norm: Any = nn.LayerNorm(stream.width, eps=eps) if attention is not None else None
        self.feed_forward = feed_forward
        self.feed_forward_norm: Any = nn.LayerNorm(stream.width, eps=eps) if feed_forward is not None else None

    def forward(self, x: Tensor, context: AttentionContext = ALL, cache: LayerCache | None = None) -> Tensor:
        """``[B, T, D] -> [B, T, D]``."""
        if self.attention is not None:
            x = x + self.attention(self.attention_norm(x), context, cache)
        if self.feed_forward is not None:
            x = x + self.feed_forward(self.feed_forward_norm(x))
        return x

    def units(self) -> list[Unit]:
        return normed_blocks(self, self.stream, {"attention": "attention_block", "feed_forward": "ffn_block"})


class ConformerLayer(RecomputedLayer):
    """Half feed-forward, attention, convolution, half feed-forward, norm (Gulati et al. 2020)."""

    feed_forward1_norm: nn.LayerNorm | None
    attention_norm: nn.LayerNorm | None
    convolution_norm: nn.LayerNorm | None
    feed_forward2_norm: nn.LayerNorm | None

    def __init__(
        self,
        stream: ResidualStream,
        *,
        feed_forward1: FeedForward | None,
        attention: SelfAttention | None,
        convolution: ConvolutionModule | None,
        feed_forward2: FeedForward | None,
        eps: float,
    ):
        super().__init__()
        self.stream = stream
        self.feed_forward1 = feed_forward1
        self.attention = attention
        self.convolution = convolution
        self.feed_forward2 = feed_forward2
        for name in ("feed_forward1", "attention", "convolution", "feed_forward2"):
            present = getattr(self, name) is not None
            setattr(self, f"{name}_norm", nn.LayerNorm(stream.width, eps=eps) if present else None)
        self.final_norm = nn.LayerNorm(stream.width, eps=eps)

    def forward(self, x: Tensor, context: AttentionContext = ALL, cache: LayerCache | None = None) -> Tensor:
        """``[B, T, D] -> [B, T, D]``."""
        if self.feed_forward1 is not None and self.feed_forward1_norm is not None:
            x = x + 0.5 * self.feed_forward1(self.feed_forward1_norm(x))
        if self.attention is not None and self.attention_norm is not None:
            x = x + self.attention(self.attention_norm(x), context, cache)
        if self.convolution is not None and self.convolution_norm is not None:
            x = x + self.convolution(self.convolution_norm(x), context.valid, cache)
        if self.feed_forward2 is not None and self.feed_forward2_norm is not None:
            x = x + 0.5 * self.feed_forward2(self.feed_forward2_norm(x))
        return self.final_norm(x)

    def units(self) -> list[Unit]:
        kinds = {
            "feed_forward1": "ffn_block",
            "attention": "attention_block",
            "convolution": "convolution_block",
            "feed_forward2": "ffn_block",
        }
        return [*normed_blocks(self, self.stream, kinds), self.stream.part(gated_norms=["final_norm"])]


LAST = {
    "attention": "out",
    "feed_forward": "down",
    "feed_forward1": "down",
    "feed_forward2": "down",
    "convolution": "project",
}
"""The last linear map of each block: a soft gate on the block is multiplied in there."""


def whole_block(layer: nn.Module, stream: ResidualStream, name: str, kind: str, *norms: str) -> Unit:
    """The unit of a block, and of the norms that are removed with it."""
    last = getattr(getattr(layer, name), LAST[name])
    parameters = ("weight",) if last.bias is None else ("weight", "bias")
    fold = [f"{name}.{LAST[name]}.{parameter}" for parameter in parameters]
    return block(name, kind, stream.width, contains=[name, *norms], fold=fold)


def normed_blocks(layer: nn.Module, stream: ResidualStream, kinds: dict[str, str]) -> list[Unit]:
    """The units of whole blocks that a layer still has, each with the norm before it, and these norms' part of the stream."""
    present = [name for name in kinds if getattr(layer, name) is not None]
    blocks = [whole_block(layer, stream, name, kinds[name], f"{name}_norm") for name in present]
    return [*blocks, stream.part(norms=[f"{name}_norm" for name in present])]

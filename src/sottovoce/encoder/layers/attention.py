"""Self-attention on torch's fused kernel, with a position scheme passed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch.nn.functional as F
from torch import Tensor, nn

from ..stream import ResidualStream
from ..streaming.cache import LayerCache
from ..units import Gateable, MacTerm, Unit, join, rows, site
from .positions import NoPosition


@dataclass(frozen=True)
class AttentionContext:
    """Which frames attend to which in a forward pass, and their positions; the same for all layers.

    Args:
        position: what the encoder half of the position scheme has prepared, see `positions`.
        valid: ``[B, T]``, True on frames that are not padding; ``None``: all are valid.
        window: ``[T, K]``, True where a query may attend to a key; ``None``: everywhere.
    """

    position: Tensor | None = None
    valid: Tensor | None = None
    window: Tensor | None = None

    @cached_property
    def allowed(self) -> Tensor | None:
        """``[B | 1, 1, T | 1, K]``: valid keys within the window; ``None`` for all."""
        if self.window is None:
            return None if self.valid is None else self.valid[:, None, None, :]
        if self.valid is None:
            return self.window[None, None]
        # A query in the padding must attend to something, or its softmax is NaN; its output is not used.
        return self.window & (self.valid[:, None, None, :] | ~self.valid[:, None, :, None])


ALL = AttentionContext()
"""Every frame is valid and attends to every other."""


class SelfAttention(nn.Module):
    """Multi-head self-attention over the residual stream; without heads its output is the output bias.

    Args:
        stream: the residual stream that it reads and writes.
        heads: ids of the heads that are kept, in the numbering of the unpruned layer.
        head_dim: width of one head, ``d``.
        position: the layer half of a position scheme.
        attention_dropout: dropout probability of the attention weights.
        dropout: dropout probability of the output.
    """

    def __init__(
        self,
        stream: ResidualStream,
        heads: Sequence[int],
        head_dim: int,
        *,
        position: NoPosition,
        attention_dropout: float,
        dropout: float,
    ):
        super().__init__()
        self.stream, self.heads, self.head_dim, self.attention_dropout = (
            stream,
            list(heads),
            head_dim,
            attention_dropout,
        )
        inner = len(self.heads) * head_dim
        self.q = nn.Linear(stream.width, inner)
        self.k = nn.Linear(stream.width, inner)
        self.v = nn.Linear(stream.width, inner)
        self.position = position
        self.mixed = Gateable()
        self.out = nn.Linear(inner, stream.width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, context: AttentionContext = ALL, cache: LayerCache | None = None) -> Tensor:
        """``[B, T, D] -> [B, T, D]``.

        Args:
            x: the residual stream.
            context: which frames attend to which.
            cache: keys and values of earlier chunks, in a stream; it is updated.
        """
        B, T, _ = x.shape
        if not self.heads:
            return self.out(x.new_zeros(B, T, 0))

        def split(y: Tensor) -> Tensor:
            return y.view(B, T, -1, self.head_dim).transpose(1, 2)

        rotated = self.position.rotate(x, context.position)
        q, k, v = split(self.q(rotated)), split(self.k(rotated)), split(self.v(x))
        if cache is not None:
            k, v = cache.attend(k, v)
        q, bias = self.position.bias(x, q, context.position)
        allowed = context.allowed
        if self.position.backwards:
            k, v, allowed = k.flip(2), v.flip(2), None if allowed is None else allowed.flip(3)
        if bias is not None:
            allowed = bias.to(q.dtype) if allowed is None else bias.to(q.dtype).masked_fill(~allowed, float("-inf"))
        dropout = self.attention_dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, dropout_p=dropout)
        y = self.mixed(y.transpose(1, 2).reshape(B, T, -1))
        return self.dropout(self.out(y))

    def units(self) -> list[Unit]:
        n, d = len(self.heads), self.head_dim
        position = tuple(replace(r, parameter=join("position", r.parameter)) for r in self.position.head_rows())
        heads = Unit(
            "heads",
            "head",
            n,
            producers=(*(rows(f"{m}.{p}", 0, n, d) for m in "qkv" for p in ("weight", "bias")), *position),
            consumers=(rows("out.weight", 1, n, d, fold=True),),
            gates=(site("mixed", n, d),),
        )
        stream = self.stream.part(reads=[f"{m}.weight" for m in "qkv"], writes=["out.weight", "out.bias"], output="out")
        return [heads, stream]

    def macs(self) -> list[MacTerm]:
        d = self.head_dim
        linear = [MacTerm(lambda t: t.frames, parameter=f"{m}.weight") for m in ("q", "k", "v", "out")]
        return [*linear, MacTerm(lambda t: 2 * t.frames**2, unit="heads", each=d), *self.position.head_macs()]

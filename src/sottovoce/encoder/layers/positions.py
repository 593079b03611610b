"""The position schemes of attention. Each has two halves: one for the encoder, which is computed once for a forward pass,
and one for each layer, which turns the result into rotated inputs, biased queries or an additive bias.

    encoder half   prepare(span) -> context, shared by all layers
    layer half     rotate(x, context) -> x for queries and keys
                   bias(x, q, context) -> q, additive bias [B | 1, H, T, K] or None

``T`` queries meet ``K`` keys: the same frames, and in a stream the earlier frames that the cache holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..stream import IndexTensor, ResidualStream
from ..units import MacTerm, Rows, elements, rows


@dataclass(frozen=True)
class AttentionSpan:
    """The frames that attention is computed for.

    Args:
        frames: number of queries, ``T``.
        past: number of keys before the first query; there are ``K = past + frames`` keys.
        first: index of the first query in its utterance.
    """

    frames: int
    past: int = 0
    first: int = 0

    @property
    def keys(self) -> int:
        return self.past + self.frames


class NoPosition(nn.Module):
    """No positions in attention, for example where a positional convolution adds them. Base class of both halves."""

    backwards = False
    """Whether the columns of the bias are for the keys in reverse order, in which attention must then take them."""

    def prepare(self, span: AttentionSpan, like: Tensor) -> Tensor | None:
        """What the layers need, on the device and in the dtype of ``like``."""
        return None

    def rotate(self, x: Tensor, context: Tensor | None) -> Tensor:
        """``[B, T, D] -> [B, T, D]``: the input of queries and keys."""
        return x

    def bias(self, x: Tensor, q: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Queries ``[B, H, T, d]``, and what is added to the scores: ``[B | 1, H, T, K]``, or ``None``."""
        return q, None

    def head_rows(self) -> tuple[Rows, ...]:
        """Rows of this module's parameters that are removed with a head."""
        return ()

    def head_macs(self) -> tuple[MacTerm, ...]:
        """Multiplications that each head costs on top of the attention itself."""
        return ()


# --- WavLM ------------------------------------------------------------------------------------------------------------


class RelativeBiasTable(NoPosition):
    """WavLM's table of biases by bucketed distance, one column for each *original* head, shared by all layers.

    It belongs to the encoder and not to a layer, so that removing one layer's attention does not take the bias from the others.
    """

    def __init__(self, buckets: int, max_distance: int, heads: int):
        super().__init__()
        self.buckets, self.max_distance = buckets, max_distance
        self.table = nn.Embedding(buckets, heads)

    def prepare(self, span: AttentionSpan, like: Tensor) -> Tensor:
        """Bias by distance ``[H0, T + K - 1]``, from the last key and first query down to key 0 and last query."""
        distance = torch.arange(span.frames - 1, -span.keys, -1, device=like.device)
        return self.table(self._bucket(distance)).t()

    def _bucket(self, distance: Tensor) -> Tensor:
        half = self.buckets // 2
        exact = half // 2
        size = distance.abs()
        far = torch.log(size.clamp(min=1).float() / exact) / math.log(self.max_distance / exact) * (half - exact)
        far = (exact + far).long().clamp(max=half - 1)
        return (distance > 0).long() * half + torch.where(size < exact, size, far)


class HeadGate(nn.Linear):
    """The linear map of one head's slice, which all heads share.

    It is a class of its own so that its cost is counted per head and that it is never factorized, being too small.
    """


class GatedRelativeBias(NoPosition):
    """WavLM's gate on the table: each head reads *its own slice* of the stream (Chi et al. 2022).

    Head ``h`` keeps its original slice and column when other heads or stream channels are removed.

    The bias depends only on the distance ``j - i``. With the keys in reverse order, entry ``(i, K - 1 - j)`` of the bias is
    entry ``i + (K - 1 - j)`` of the row of distances, so the matrix is a view of the row and takes no memory.
    """

    backwards = True

    def __init__(self, stream: ResidualStream, heads: Sequence[int], head_dim: int, original_heads: int):
        super().__init__()
        self.stream, self.head_dim, self.original_heads = stream, head_dim, original_heads
        self.heads, self.channels = IndexTensor(heads), IndexTensor(stream.ids)
        self.gate = HeadGate(head_dim, 8)
        self.constant = nn.Parameter(torch.ones(len(self.heads)))

    def bias(self, x: Tensor, q: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        assert context is not None
        B, T, _ = x.shape
        if not self.stream.whole:
            full = x.new_zeros(B, T, self.stream.original)
            x = full.index_copy(2, self.channels(x.device), x)
        slices = x.view(B, T, self.original_heads, self.head_dim)
        table = context
        if len(self.heads) < self.original_heads:
            kept = self.heads(x.device)
            slices, table = slices.index_select(2, kept), context.index_select(0, kept)
        a, b = torch.sigmoid(self.gate(slices).unflatten(-1, (2, 4)).sum(-1)).unbind(-1)  # [B, T, H]
        gate = a * (b * self.constant - 1.0) + 2.0
        return q, gate.transpose(1, 2)[..., None] * table.contiguous().unfold(1, table.shape[1] - T + 1, 1)

    def head_rows(self) -> tuple[Rows, ...]:
        return (rows("constant", 0, len(self.heads)),)

    def head_macs(self) -> tuple[MacTerm, ...]:
        count = self.gate.weight.numel()
        return (MacTerm(lambda t: t.frames * count, unit="heads"),)


# --- w2v-BERT 2.0 -----------------------------------------------------------------------------------------------------


class RelativeKeyPositions(NoPosition):
    """Distances clamped to ``[-left, right]`` (Shaw et al. 2018): the encoder half."""

    def __init__(self, left: int, right: int):
        super().__init__()
        self.left, self.right = left, right

    def prepare(self, span: AttentionSpan, like: Tensor) -> Tensor:
        """Index ``[T, K]`` of the distance of key ``j`` from query ``i``."""
        place = torch.arange(span.keys, device=like.device)
        return (place[None, :] - place[span.past :, None]).clamp(-self.left, self.right) + self.left


class RelativeKey(NoPosition):
    """Queries are multiplied by an embedding of the distance: once for each distance, then gathered for pairs of frames."""

    def __init__(self, positions: int, head_dim: int):
        super().__init__()
        self.distance = nn.Embedding(positions, head_dim)
        self.head_dim = head_dim

    def bias(self, x: Tensor, q: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        assert context is not None
        by_distance = (q * self.head_dim**-0.5) @ self.distance.weight.t()  # [B, H, T, P]
        return q, by_distance.gather(3, context.expand(*q.shape[:2], *context.shape))

    def head_macs(self) -> tuple[MacTerm, ...]:
        count = self.distance.weight.numel()
        return (MacTerm(lambda t: t.frames * count, unit="heads"),)


# --- Wav2Vec2-Conformer -----------------------------------------------------------------------------------------------


class RotaryAngles(NoPosition):
    """Cosines and sines for every stream channel: the encoder half of `Rotary`."""

    def __init__(self, stream: ResidualStream, head_dim: int, base: float):
        super().__init__()
        self.channels, self.head_dim, self.base = IndexTensor(stream.ids), head_dim, base

    def prepare(self, span: AttentionSpan, like: Tensor) -> Tensor:
        """``[2, T, D]``: the cosine, and the sine with the sign for the channel's partner."""
        half = self.head_dim // 2
        channel = self.channels(like.device) % self.head_dim
        frequency = self.base ** (-2.0 * (channel % half).to(like.dtype) / self.head_dim)
        place = torch.arange(span.first, span.first + span.frames, device=like.device, dtype=like.dtype)
        angle = place[:, None] * frequency
        sign = torch.where(channel < half, -1.0, 1.0).to(like.dtype)
        return torch.stack([angle.cos(), angle.sin() * sign])


class Rotary(NoPosition):
    """Rotary positions of the stock Conformer: pairs of *stream* channels are rotated before queries and keys are projected."""

    def __init__(self, stream: ResidualStream, head_dim: int):
        super().__init__()
        place = {channel: k for k, channel in enumerate(stream.ids)}
        half = head_dim // 2
        self.partner = IndexTensor(place[c + half if c % head_dim < half else c - half] for c in stream.ids)

    def rotate(self, x: Tensor, context: Tensor | None) -> Tensor:
        assert context is not None
        cosine, sine = context
        return x * cosine + x[..., self.partner(x.device)] * sine


class SinusoidPositions(NoPosition):
    """Sinusoids of the distances ``K - 1 ... 1 - T`` (Dai et al. 2019), of the original width: the encoder half."""

    def __init__(self, width: int):
        super().__init__()
        self.width = width

    def prepare(self, span: AttentionSpan, like: Tensor) -> Tensor:
        """``[T + K - 1, D0]``."""
        distance = torch.arange(span.keys - 1, -span.frames, -1, device=like.device, dtype=torch.float32)
        frequency = torch.exp(
            torch.arange(0, self.width, 2, device=like.device, dtype=torch.float32) * -(math.log(10000.0) / self.width)
        )
        angle = distance[:, None] * frequency
        return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).to(like.dtype)


class RelativePosition(NoPosition):
    """Transformer-XL attention (Dai et al. 2019): queries with two learned biases, against keys and projected sinusoids."""

    def __init__(self, width: int, heads: int, head_dim: int):
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.project = nn.Linear(width, heads * head_dim, bias=False)
        self.content = nn.Parameter(torch.zeros(heads, head_dim))
        self.position = nn.Parameter(torch.zeros(heads, head_dim))

    def bias(self, x: Tensor, q: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        assert context is not None
        T = q.shape[2]
        keys = self.project(context).view(-1, self.heads, self.head_dim).permute(1, 2, 0)  # [H, d, T + K - 1]
        by_distance = ((q + self.position[:, None]) * self.head_dim**-0.5) @ keys  # [B, H, T, T + K - 1]
        K = keys.shape[2] - T + 1
        key, query = torch.arange(K, device=q.device), torch.arange(T, device=q.device)
        index = key[None, :] - query[:, None] + T - 1  # key j from query i, in the order K - 1 ... 1 - T
        return q + self.content[:, None], by_distance.gather(3, index.expand(*q.shape[:2], T, K))

    def head_rows(self) -> tuple[Rows, ...]:
        n = self.heads
        projected = Rows("project.weight", 0, elements(n, self.head_dim))
        return (projected, rows("content", 0, n), rows("position", 0, n))

    def head_macs(self) -> tuple[MacTerm, ...]:
        return (MacTerm(lambda t: t.frames * (2 * t.frames - 1), unit="heads", each=self.head_dim),)

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda t: 2 * t.frames - 1, parameter="project.weight")]

"""The Conformer's convolution module (Gulati et al. 2020), causal (w2v-BERT 2.0) or centered (Wav2Vec2-Conformer)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..stream import ResidualStream
from ..streaming.cache import LayerCache
from ..units import Gateable, MacTerm, Rows, Unit, elements, rows, site
from .activations import activation
from .safe_convolution import Conv1d


class ConvolutionModule(nn.Module):
    """Gated pointwise, depthwise over time, norm, activation, pointwise: ``[B, T, D] -> [B, T, D]``.

    The gated linear unit multiplies channel ``i`` by a function of channel ``i + C``, so an element of its unit has both.

    Args:
        stream: the residual stream that it reads and writes.
        channels: number of channels ``C`` of the depthwise convolution.
        kernel: kernel size of the depthwise convolution.
        causal: whether the convolution sees only the present and past frames; otherwise it is centered.
        norm: the norm after the depthwise convolution: ``batch`` or ``layer``.
        act: name of the activation.
        eps: epsilon of a LayerNorm.
        dropout: dropout probability of the output.
        bias: whether the three convolutions have biases.
    """

    def __init__(
        self,
        stream: ResidualStream,
        channels: int,
        *,
        kernel: int,
        causal: bool,
        norm: str,
        act: str,
        eps: float,
        dropout: float,
        bias: bool = False,
    ):
        super().__init__()
        self.stream = stream
        self.padding = (kernel - 1, 0) if causal else ((kernel - 1) // 2, kernel - 1 - (kernel - 1) // 2)
        self.expand = nn.Linear(stream.width, 2 * channels, bias=bias)
        self.depthwise = Conv1d(channels, channels, kernel, groups=channels, bias=bias) if channels else None
        if norm == "batch":
            self.norm: Any = nn.BatchNorm1d(channels) if channels else None
        else:
            self.norm = nn.LayerNorm(channels, eps=eps) if channels else None
        self.act = activation(act)
        self.inner = Gateable()
        self.project = nn.Linear(channels, stream.width, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None, cache: LayerCache | None = None) -> Tensor:
        """``[B, T, D] -> [B, T, D]``.

        Args:
            x: the residual stream after its norm.
            mask: ``[B, T]``, True on valid frames; ``None``: all are valid.
            cache: the last inputs of earlier chunks in a stream (causal only); it is updated.
        """
        if self.depthwise is None:
            bias = self.project.bias
            return torch.zeros_like(x) if bias is None else self.dropout(bias.expand_as(x))
        x = F.glu(self.expand(x), dim=-1)
        if mask is not None:  # the depthwise kernel must not read padding
            x = x.masked_fill(~mask[..., None], 0.0)
        x = x.transpose(1, 2)
        x = F.pad(x, self.padding) if cache is None else cache.extend(x, self.padding[0])
        x = self.depthwise(x).transpose(1, 2)
        x = self._batch_norm(x, mask) if isinstance(self.norm, nn.BatchNorm1d) else self.norm(x)
        return self.dropout(self.project(self.inner(self.act(x))))

    def move_taps(self, before: int) -> None:
        """Shift the taps of a kernel that started ``before`` frames before its output, so that they read the same frames.

        Taps on frames outside this kernel are lost. Without the shift, a centered kernel that becomes causal would delay
        every layer by half its length.

        Args:
            before: number of frames before its output at which the kernel of the weights starts.
        """
        if self.depthwise is not None:
            shift = self.padding[0] - before
            with torch.no_grad():
                self.depthwise.weight.copy_(F.pad(self.depthwise.weight, (shift, -shift)))

    def _batch_norm(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if mask is None or not self.training:
            return self.norm(x.flatten(0, 1)).view_as(x)
        out = torch.zeros_like(x)
        out[mask] = self.norm(x[mask]).to(out.dtype)  # batch statistics over valid frames only
        return out

    def units(self) -> list[Unit]:
        biased = self.project.bias is not None
        writes = ["project.weight", "project.bias"] if biased else ["project.weight"]
        stream = self.stream.part(reads=["expand.weight"], writes=writes, output="project")
        n = self.project.in_features
        owned = [rows(f"norm.{p}", 0, n) for p in ("weight", "bias")]
        if biased:
            owned += [Rows("expand.bias", 0, elements(n, 1, 0, n)), rows("depthwise.bias", 0, n)]
        if isinstance(self.norm, nn.BatchNorm1d):
            owned += [rows(f"norm.{p}", 0, n) for p in ("running_mean", "running_var")]
        channels = Unit(
            "channels",
            "convolution",
            n,
            producers=(Rows("expand.weight", 0, elements(n, 1, 0, n)), rows("depthwise.weight", 0, n), *owned),
            consumers=(rows("project.weight", 1, n, fold=True),),
            gates=(site("inner", n),),
            norms=(site("norm", n),) if isinstance(self.norm, nn.LayerNorm) else (),
        )
        return [channels, stream] if n else [stream]

    def macs(self) -> list[MacTerm]:
        names = ("expand.weight", "depthwise.weight", "project.weight") if self.depthwise is not None else ()
        return [MacTerm(lambda t: t.frames, parameter=p) for p in names]

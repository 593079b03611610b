"""From the waveform to the residual stream: strided convolutions, or a filterbank; then norm and projection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import AudioError
from ..layers.activations import activation
from ..layers.convolution import StridedConv
from ..layers.norms import TimeNorm, normalize_waveform
from ..loading.recomputed import RecomputedLayer
from ..stream import ResidualStream, single
from ..units import Gateable, MacTerm, Rows, Site, Timing, Unit, rows, site
from .feature_norm import RunningStats
from .filterbank import FFT, HOP, STACK, WINDOW, Filterbank

EARLY = 2
"""Convolutions whose activations are far larger than everything else."""

BLOCK = 2048
"""Frames of the last of those that are computed at a time (1.28 s)."""


class ConvLayer(RecomputedLayer):
    """Convolution, norm (over time, over channels or none), GELU: ``[B, T, C] -> [B, T', O]``."""

    def __init__(self, conv: StridedConv, norm: nn.Module | None, act: str):
        super().__init__()
        self.conv = conv
        self.norm = norm
        self.act = activation(act)
        self.out = Gateable()

    def forward(self, x: Tensor, folded: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """``folded``: weight and bias of the convolution with its norm over time in it, see `TimeNorm.folded`."""
        if folded is not None:
            weight, bias = folded
            x = torch.baddbmm(bias, self.conv.windows(x), weight)
        else:
            x = self.conv(x)
            x = x if self.norm is None else self.norm(x)
        return self.out(self.act(x))


def _through(layers: Sequence[Any], x: Tensor, folded: tuple[Tensor, Tensor] | None) -> Tensor:
    for i, layer in enumerate(layers):
        x = layer(x, folded if i == 0 else None)
    return x


def receptive_field(layers: Sequence[Any]) -> int:
    """Frames (of the first: samples) that one frame after these convolutions sees."""
    seen = 1
    for layer in reversed(layers):
        seen = (seen - 1) * layer.conv.stride + layer.conv.weight.shape[2]
    return seen


class Projection(nn.Module):
    """LayerNorm and linear map into the residual stream: ``[B, T, C] -> [B, T, D]``."""

    def __init__(self, inputs: int, stream: ResidualStream, *, eps: float, dropout: float, norm: bool = True):
        super().__init__()
        self.stream = stream
        self.norm: Any = nn.LayerNorm(inputs, eps=eps) if norm else None
        self.normed = Gateable()
        self.linear = nn.Linear(inputs, stream.width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.norm is None else self.norm(x)
        return self.dropout(self.linear(self.normed(x)))

    def units(self) -> list[Unit]:
        return [self.stream.part(writes=["linear.weight", "linear.bias"], output="linear")]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda t: t.levels[-1], parameter="linear.weight")]


class WaveformFrontEnd(nn.Module):
    """``waveform [B, S], lengths [B] -> stream [B, T, D], frames [B]``.

    Args:
        stream: the residual stream it writes.
        channels, kernels, strides: one entry a convolution.
        norm: ``group`` (the first convolution, over time) or ``layer`` (each, over channels).
        normalize: bring each utterance to zero mean and unit variance first.
        scale: a constant factor for each channel of the last convolution (see `EncoderConfig.channel_scale`).
    """

    scale: Tensor | None

    def __init__(
        self,
        stream: ResidualStream,
        channels: Sequence[int],
        kernels: Sequence[int],
        strides: Sequence[int],
        *,
        bias: bool,
        norm: str,
        act: str,
        normalize: bool,
        projection: Projection,
        scale: bool = False,
    ):
        super().__init__()
        self.normalize = normalize
        inputs = [1, *channels[:-1]]
        self.conv: Any = nn.ModuleList()
        for i, (c, o, k, s) in enumerate(zip(inputs, channels, kernels, strides, strict=True)):
            layer_norm = nn.LayerNorm(o) if norm == "layer" else TimeNorm(o) if i == 0 else None
            self.conv.append(ConvLayer(StridedConv(c, o, k, s, bias), layer_norm, act))
        self.register_buffer("scale", torch.ones(channels[-1]) if scale else None)
        self.projection = projection

    def levels(self, samples: Any) -> list[Any]:
        """Frames after each convolution, of a number of samples or of a tensor of such numbers."""
        out = []
        for layer in self.conv:
            samples = layer.conv.frames(samples)
            out.append(samples)
        return out

    @property
    def least(self) -> int:
        """Fewest samples that give a frame."""
        return receptive_field(self.conv)

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return math.prod(layer.conv.stride for layer in self.conv)

    def timing(self, samples: int) -> Timing:
        levels = self.levels(samples)
        return Timing(samples, levels[-1], tuple(levels))

    def forward(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        check_lengths(waveform, lengths, self.least)
        if self.normalize:
            waveform = normalize_waveform(waveform, lengths)
        x = waveform[..., None].to(self.conv[0].conv.weight.dtype)
        first, folded = self.conv[0], None
        if isinstance(first.norm, TimeNorm):
            frames = None if lengths is None else first.conv.frames(lengths)
            folded = first.norm.folded(first.conv.windows(x), first.conv.weight.flatten(1), frames)
        x = self._early(x, folded)
        for layer in self.conv[EARLY:]:
            x = layer(x)
        if self.scale is not None:
            x = x * self.scale.to(x.dtype)
        return self.projection(x), None if lengths is None else self.levels(lengths)[-1]

    def forward_chunk(self, waveform: Tensor, stats: RunningStats) -> Tensor:
        """``[B, T, D]`` of samples ``[B, S]`` from the middle of an utterance; it needs to remember nothing."""
        return self(waveform, None)[0]

    def _early(self, x: Tensor, folded: tuple[Tensor, Tensor] | None) -> Tensor:
        """The early convolutions, at inference on a CPU over overlapping stretches of the input.

        So no more than a stretch of the first activations is ever made. The overlap is one frame of the first
        convolution in 4,096.
        """
        early = self.conv[:EARLY]
        if torch.is_grad_enabled() or x.device.type != "cpu" or torch.compiler.is_compiling():
            return _through(early, x, folded)
        T = self.levels(x.shape[1])[len(early) - 1]
        hop, seen = math.prod(layer.conv.stride for layer in early), receptive_field(early)
        out: Tensor | None = None
        for t in range(0, T, BLOCK):
            part = _through(early, x[:, t * hop : (min(t + BLOCK, T) - 1) * hop + seen], folded)
            out = part.new_empty(part.shape[0], T, part.shape[2]) if out is None else out
            out[:, t : t + BLOCK] = part
        assert out is not None  # an utterance without a frame was refused
        return out

    def units(self) -> list[Unit]:
        """Channels of convolution ``l`` are inputs of ``l + 1``; those of the last one, of the projection."""
        out = []
        for i, layer in enumerate(self.conv):
            n = layer.conv.weight.shape[0]
            owned = [f"conv.{i}.conv.weight"] + ([f"conv.{i}.conv.bias"] if layer.conv.bias is not None else [])
            if layer.norm is not None:
                owned += [f"conv.{i}.norm.weight", f"conv.{i}.norm.bias"]
            norms: list[Site] = [site(f"conv.{i}.norm", n)] if isinstance(layer.norm, nn.LayerNorm) else []
            if i + 1 < len(self.conv):
                gate, reader = f"conv.{i}.out", f"conv.{i + 1}.conv.weight"
            else:
                # A soft gate before the projection's norm could not be folded; after it, it can.
                gate, reader = "projection.normed", "projection.linear.weight"
                owned += ["scale"] if self.scale is not None else []
                if self.projection.norm is not None:
                    owned += ["projection.norm.weight", "projection.norm.bias"]
                    norms.append(site("projection.norm", n))
            out.append(
                Unit(
                    f"channels.{i}",
                    "conv",
                    n,
                    producers=tuple(Rows(p, 0, single(n)) for p in owned),
                    consumers=(rows(reader, 1, n, fold=True),),
                    gates=(site(gate, n),),
                    norms=tuple(norms),
                    floor=1,
                )
            )
        return out

    def macs(self) -> list[MacTerm]:
        out = [
            MacTerm(lambda t, i=i: t.levels[i], parameter=f"conv.{i}.conv.weight")  # type: ignore[misc]
            for i in range(len(self.conv))
        ]
        if isinstance(self.conv[0].norm, TimeNorm):  # the covariance of the windows, and its way through the weight
            K = self.conv[0].conv.weight[0].numel()
            out += [
                MacTerm(lambda t: t.levels[0] * K * K + K * K),
                MacTerm(lambda t: K + 1, parameter="conv.0.conv.weight"),
            ]
        return out


class FilterbankFrontEnd(nn.Module):
    """``waveform [B, S], lengths [B] -> stream [B, T, D], frames [B]`` through a filterbank (w2v-BERT 2.0)."""

    least = 560  # two windows of 400 samples, 160 apart, make one stacked frame
    hop = HOP * STACK

    def __init__(self, filterbank: Filterbank, projection: Projection):
        super().__init__()
        self.filterbank = filterbank
        self.projection = projection

    def timing(self, samples: int) -> Timing:
        windows = max(0, samples - WINDOW + HOP) // HOP
        frames = self.filterbank.frames(samples)
        return Timing(samples, frames, (windows, frames))

    def forward(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        check_lengths(waveform, lengths, self.least)
        whole = torch.full(waveform.shape[:1], waveform.shape[1], device=waveform.device)
        features, frames = self.filterbank(waveform, whole if lengths is None else lengths)
        return self.from_features(features), None if lengths is None else frames

    def forward_chunk(self, waveform: Tensor, stats: RunningStats) -> Tensor:
        """``[B, T, D]`` of samples ``[B, S]`` from the middle of an utterance, see `Filterbank.forward_chunk`."""
        return self.from_features(self.filterbank.forward_chunk(waveform, stats))

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda t: t.levels[0] * (FFT // 2 + 1) * self.filterbank.bins)]

    def from_features(self, features: Tensor) -> Tensor:
        """``[B, T, F]`` stacked features (160 of the stock feature extractor) to the stream."""
        return self.projection(features.to(next(self.projection.parameters()).dtype))


def check_lengths(waveform: Tensor, lengths: Tensor | None, least: int) -> None:
    """Raises: AudioError: not ``[B, S]``, lengths that do not fit it, or an utterance too short for one frame."""
    if waveform.dim() != 2 or not waveform.is_floating_point():
        raise AudioError(
            f"the waveform is {tuple(waveform.shape)} {waveform.dtype}; give floats [batch, samples] at 16 kHz"
        )
    shortest, at = waveform.shape[1], 0
    if lengths is not None:
        if lengths.shape != waveform.shape[:1]:
            raise AudioError(f"{tuple(lengths.shape)} lengths for a batch of {waveform.shape[0]}; give one each")
        if not lengths.is_meta:
            shortest, at = (int(x) for x in lengths.min(0))
            if int(lengths.max()) > waveform.shape[1]:
                raise AudioError(f"a length of {int(lengths.max())} samples, but the batch has {waveform.shape[1]}")
    if shortest < least:
        raise AudioError(
            f"utterance {at} has {shortest} samples; the encoder needs at least {least} ({least / 16:g} ms at 16 kHz)"
        )

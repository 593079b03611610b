"""From the waveform to the residual stream: strided convolutions, or a filterbank; then norm and projection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import AudioError
from ..layers.activations import activation
from ..layers.convolution import Count, StridedConv
from ..layers.norms import TimeNorm, normalize_waveform
from ..loading.recomputed import RecomputedLayer
from ..stream import ResidualStream, one_channel_each
from ..units import Gateable, MacTerm, Rows, Site, Timing, Unit, rows, site
from .as_stream import AsStream
from .feature_norm import RunningStats
from .filterbank import Filterbank

EARLY_LAYERS = 2
"""Number of convolutions at the start whose activations take far more memory than those of all others."""

FRAMES_AT_A_TIME = 2048
"""Output frames of the early convolutions that are computed at a time (1.28 s)."""


class ConvLayer(RecomputedLayer):
    """Convolution, norm (over time, over channels or none), GELU: ``[B, T, C] -> [B, T', O]``."""

    def __init__(self, conv: StridedConv, norm: nn.Module | None, act: str):
        super().__init__()
        self.conv = conv
        self.norm = norm
        self.act = activation(act)
        self.out = Gateable()

    def forward(self, x: Tensor, folded: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """``[B, T, C] -> [B, T', O]``.

        Args:
            x: the output of the layer before.
            folded: weight and bias of the convolution with its norm over time folded in, see `TimeNorm.folded`.
        """
        if folded is not None:
            weight, bias = folded
            x = torch.baddbmm(bias, self.conv.windows(x), weight)
        else:
            x = self.conv(x)
            x = x if self.norm is None else self.norm(x)
        return self.out(self.act(x))


def _through(layers: Sequence[ConvLayer], x: Tensor, folded: tuple[Tensor, Tensor] | None) -> Tensor:
    for i, layer in enumerate(layers):
        x = layer(x, folded if i == 0 else None)
    return x


def receptive_field(layers: Sequence[ConvLayer]) -> int:
    """Number of input frames (samples, for the first convolution) in the receptive field of one output frame."""
    field = 1
    for layer in reversed(layers):
        field = (field - 1) * layer.conv.stride + layer.conv.weight.shape[2]
    return field


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
        """``[B, T, C] -> [B, T, D]``."""
        x = x if self.norm is None else self.norm(x)
        return self.dropout(self.linear(self.normed(x)))

    def units(self) -> list[Unit]:
        return [self.stream.part(writes=["linear.weight", "linear.bias"], output="linear")]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda t: t.levels[-1], parameter="linear.weight")]


class WaveformFrontEnd(nn.Module):
    """Strided convolutions: ``waveform [B, S], lengths [B] -> stream [B, T, D], frames [B]``.

    Args:
        stream: the residual stream that it writes.
        channels: output channels of each convolution.
        kernels: kernel size of each convolution.
        strides: stride of each convolution.
        bias: whether the convolutions have a bias.
        norm: ``group`` normalizes the output of the first convolution over time; ``layer`` that of each one over channels.
        act: name of the activation.
        normalize: epsilon with which each utterance is brought to zero mean and unit variance first; ``None``: it is not.
        projection: the map into the residual stream.
        scale: whether each channel of the last convolution is multiplied by a constant, see `EncoderConfig.channel_scale`.
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
        normalize: float | None,
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

    def levels(self, samples: Count) -> list[Count]:
        """Number of frames after each convolution, for a number of samples or a tensor of such numbers."""
        out: list[Count] = []
        for layer in self.conv:
            samples = layer.conv.frames(samples)
            out.append(samples)
        return out

    @property
    def min_samples(self) -> int:
        """The least number of samples that makes a frame."""
        return receptive_field(self.conv)

    @property
    def hop(self) -> int:
        """Number of samples from one frame to the next."""
        return math.prod(layer.conv.stride for layer in self.conv)

    def timing(self, samples: int) -> Timing:
        """The number of frames at each stage for an utterance of ``samples`` samples."""
        levels = self.levels(samples)
        return Timing(samples, levels[-1], tuple(levels))

    def forward(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``[B, S], [B] -> [B, T, D], [B]``: the stream and the valid frames; without lengths, all are valid."""
        check_lengths(waveform, lengths, self.min_samples)
        if self.normalize is not None:
            waveform = normalize_waveform(waveform, lengths, self.normalize)
        x = waveform[..., None].to(self.conv[0].conv.weight.dtype)
        first, folded = self.conv[0], None
        if isinstance(first.norm, TimeNorm):
            frames = None if lengths is None else first.conv.frames(lengths)
            folded = first.norm.folded(first.conv.windows(x), first.conv.weight.flatten(1), frames)
        x = self._early(x, folded)
        for layer in self.conv[EARLY_LAYERS:]:
            x = layer(x)
        if self.scale is not None:
            x = x * self.scale.to(x.dtype)
        return self.projection(x), None if lengths is None else self.levels(lengths)[-1]

    def forward_chunk(self, waveform: Tensor, stats: RunningStats) -> Tensor:
        """``[B, S] -> [B, T, D]`` for samples from the middle of an utterance; convolutions need no state."""
        return self(waveform, None)[0]

    def _early(self, x: Tensor, folded: tuple[Tensor, Tensor] | None) -> Tensor:
        """The early convolutions, which inference on a CPU computes for overlapping segments of the input.

        Their large activations then exist for one segment at a time. Of the first convolution, one frame in 4,096 is computed
        twice.
        """
        early = self.conv[:EARLY_LAYERS]
        if torch.is_grad_enabled() or x.device.type != "cpu" or torch.compiler.is_compiling():
            return _through(early, x, folded)
        T = self.levels(x.shape[1])[len(early) - 1]
        hop, field = math.prod(layer.conv.stride for layer in early), receptive_field(early)
        out: Tensor | None = None
        for t in range(0, T, FRAMES_AT_A_TIME):
            part = _through(early, x[:, t * hop : (min(t + FRAMES_AT_A_TIME, T) - 1) * hop + field], folded)
            out = part.new_empty(part.shape[0], T, part.shape[2]) if out is None else out
            out[:, t : t + FRAMES_AT_A_TIME] = part
        assert out is not None  # an utterance without a frame was refused
        return out

    def units(self) -> list[Unit]:
        """The channels of each convolution, which are the inputs of the next one, or of the projection."""
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
                    producers=tuple(Rows(p, 0, one_channel_each(n)) for p in owned),
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
        if isinstance(self.conv[0].norm, TimeNorm):  # the covariance of the windows, multiplied by the weight
            K = self.conv[0].conv.weight[0].numel()
            out += [
                MacTerm(lambda t: t.levels[0] * K * K + K * K),
                MacTerm(lambda t: K + 1, parameter="conv.0.conv.weight"),
            ]
        return out


class FilterbankFrontEnd(nn.Module):
    """``waveform [B, S], lengths [B] -> stream [B, T, D], frames [B]`` through a filterbank.

    Args:
        filterbank: the features.
        projection: the map into the residual stream, as in w2v-BERT 2.0; or the features are the stream.
    """

    def __init__(self, filterbank: Filterbank, projection: Projection | AsStream):
        super().__init__()
        self.filterbank = filterbank
        self.projection = projection

    @property
    def min_samples(self) -> int:
        """The least number of samples that makes a frame."""
        return self.filterbank.min_samples

    @property
    def hop(self) -> int:
        """Number of samples from one frame to the next."""
        return self.filterbank.hop

    def timing(self, samples: int) -> Timing:
        """The number of frames at each stage for an utterance of ``samples`` samples."""
        frames = self.filterbank.frames(samples)
        return Timing(samples, frames, (self.filterbank.windows(samples), frames))

    def forward(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``[B, S], [B] -> [B, T, D], [B]``: the stream and the valid frames; without lengths, all are valid."""
        check_lengths(waveform, lengths, self.min_samples)
        whole = torch.full(waveform.shape[:1], waveform.shape[1], device=waveform.device)
        features, frames = self.filterbank(waveform, whole if lengths is None else lengths)
        return self.from_features(features), None if lengths is None else frames

    def forward_chunk(self, waveform: Tensor, stats: RunningStats) -> Tensor:
        """``[B, S] -> [B, T, D]`` for samples from the middle of an utterance, see `Filterbank.forward_chunk`."""
        return self.from_features(self.filterbank.forward_chunk(waveform, stats))

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda t: t.levels[0] * self.filterbank.macs)]

    def from_features(self, features: Tensor) -> Tensor:
        """``[B, T, F] -> [B, T, D]`` for features of frames, such as the 160 of w2v-BERT's stock feature extractor."""
        tensors = chain(self.projection.parameters(), self.projection.buffers())
        return self.projection(features.to(next(tensors).dtype))


def check_lengths(waveform: Tensor, lengths: Tensor | None, min_samples: int) -> None:
    """Refuse a batch that cannot be encoded.

    Args:
        waveform: ``[B, S]`` floats.
        lengths: ``[B]`` valid samples; ``None``: all.
        min_samples: the least number of samples of an utterance.

    Raises:
        AudioError: another shape or dtype, lengths that do not fit the batch, or an utterance that is too short.
    """
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
    if shortest < min_samples:
        raise AudioError(
            f"utterance {at} has {shortest} samples; the encoder needs at least {min_samples}"
            f" ({min_samples / 16:g} ms at 16 kHz)"
        )

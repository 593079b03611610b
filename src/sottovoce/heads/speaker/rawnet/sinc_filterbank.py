"""A learned filterbank on the waveform: pairs of band-pass filters whose edges are parameters (SincNet, 1808.00158; analytic:
1910.10400), as asteroid-filterbanks (``ParamSincFB``) and ESPnet (``espnet2/asr/frontend/asteroid_frontend.py``) have it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from ....encoder.layers.frame_masks import frame_mask, mask_if_padded
from ....encoder.layers.norms import at_least_float32
from ....encoder.layers.safe_convolution import conv1d
from ....encoder.units import MacTerm, Timing
from ....quantities import SAMPLE_RATE
from ...frames import mean_over_time, zero_padding
from ...on_waveform import mel_edges

LOWEST = 50.0
"""Hertz that are added to the lower edge of every band, and to its width."""

FIRST = 30.0
"""Lower edge of the first band before training, in hertz."""

PREEMPHASIS = 0.97

EPS = 1e-4
"""Added to the variance of the waveform."""

FLOOR = 1e-6
"""Added to magnitudes before the logarithm."""

Samples = TypeVar("Samples", int, Tensor)


@dataclass(frozen=True)
class SincFrames:
    """The number of frames of a filterbank: those whose filters lie in the utterance as a whole.

    Args:
        taps: length of the filters.
        stride: samples from one frame to the next.
    """

    taps: int
    stride: int

    def of(self, samples: Samples) -> Samples:
        """The number for a number of samples, or for a tensor of them."""
        return (samples - self.taps + self.stride) // self.stride

    def __call__(self, timing: Timing) -> int:
        return max(0, self.of(timing.frames))


class SincFilterbank(nn.Module):
    """``waveform [B, S] -> features [B, filters, T]``::

        pre-emphasis ─▶ mean 0, variance 1, a learned gain and offset ─▶ pairs of filters ─▶ log |x| ─▶ minus the mean over T

    Each pair has the same band, once with cosines and once with sines. It computes in float32 at least, also under autocast.

    Args:
        filters: number of filters, even.
        taps: length of each, odd.
        stride: samples from one frame to the next.

    Attributes:
        low, band: ``[filters / 2]``, lower edge and width of each band in hertz, before `LOWEST` is added to their sizes.
    """

    def __init__(self, filters: int, taps: int, stride: int):
        super().__init__()
        self.taps, self.stride = taps, stride
        self.frames = SincFrames(taps, stride)
        self.gain, self.offset = nn.Parameter(torch.empty(1)), nn.Parameter(torch.empty(1))
        self.low, self.band = (nn.Parameter(torch.empty(filters // 2)) for _ in range(2))
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Bands side by side, from 30 Hz on equally wide in mel, as far as `LOWEST` leaves room."""
        edges = torch.tensor(mel_edges(FIRST, SAMPLE_RATE / 2 - 2 * LOWEST, len(self.low)), device=self.low.device)
        self.low.copy_(edges[:-1])
        self.band.copy_(edges.diff())
        self.gain.fill_(1.0)
        self.offset.fill_(0.0)

    def forward(self, wave: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Features ``[B, filters, T]`` of waveforms ``[B, S]`` with ``lengths[B]`` samples, and the mask of their frames,
        ``None`` if no utterance is padded.
        """
        with torch.autocast(wave.device.type, enabled=False):
            wave = wave.to(at_least_float32(self.low).dtype)
            inside = mask_if_padded(lengths, wave.shape[1])
            x = torch.cat([wave[:, :1] - PREEMPHASIS * wave[:, 1:2], wave[:, 1:] - PREEMPHASIS * wave[:, :-1]], dim=1)
            x = self._normalized(x[:, None], inside)
            x = (conv1d(x, self.filters()[:, None], stride=self.stride).abs() + FLOOR).log()
            mask = None
            if inside is not None and lengths is not None:
                mask = frame_mask(self.frames.of(lengths), x.shape[2])
            x = x - mean_over_time(x, mask)[..., None]
        return zero_padding(x, mask).to(self.low.dtype), mask

    def _normalized(self, x: Tensor, inside: Tensor | None) -> Tensor:
        centered = zero_padding(x - mean_over_time(x, inside)[..., None], inside)
        scale = torch.rsqrt(mean_over_time(centered.square(), inside) + EPS)[..., None]
        return centered * scale * at_least_float32(self.gain) + at_least_float32(self.offset)

    def filters(self) -> Tensor:
        """The filters ``[filters, taps]``: all with cosines, then all with sines."""
        low = at_least_float32(self.low).abs()[:, None] + LOWEST
        high = (low + LOWEST + at_least_float32(self.band).abs()[:, None]).clamp(LOWEST, SAMPLE_RATE / 2)
        half = self.taps // 2
        angle = 2 * math.pi / SAMPLE_RATE * torch.arange(-half, 0, dtype=low.dtype, device=low.device)
        window = torch.hamming_window(self.taps, periodic=False, dtype=low.dtype, device=low.device)[:half]
        left = window / (angle / 2)
        even = ((high * angle).sin() - (low * angle).sin()) * left
        odd = ((low * angle).cos() - (high * angle).cos()) * left
        width = 2 * (high - low)
        pairs = [[even, width, even.flip(1)], [odd, torch.zeros_like(width), -odd.flip(1)]]
        return torch.cat([torch.cat(parts, dim=1) / width for parts in pairs])

    def macs(self) -> list[MacTerm]:
        def filtered(timing: Timing) -> float:
            return self.frames(timing) * 2 * len(self.low) * self.taps

        return [MacTerm(filtered)]

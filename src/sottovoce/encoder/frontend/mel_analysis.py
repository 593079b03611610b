"""From a waveform to the levels of its mel bins, as the toolkits of the field do it.

Every analysis has windows of 25 ms every 10 ms at 16 kHz, a power spectrum of 512 points and triangular filters. What else
a toolkit does is a value of `KaldiAnalysis` or `CenteredAnalysis`, and `TOOLKITS` has them by name.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from ...quantities import SAMPLE_RATE

WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms every 10 ms at 16 kHz
EMPHASIS = 0.97
LOUDEST = 2.0**15
"""What samples of -1..1 are multiplied by to become 16-bit integers."""


@dataclass(frozen=True)
class KaldiAnalysis:
    """Kaldi's log filterbank without dither: whole windows only, each without its mean and pre-emphasized by itself.

        windows of 400 ─▶ × gain ─▶ minus mean ─▶ pre-emphasis ─▶ window ─▶ power ─▶ filters 20..8000 Hz ─▶ log

    Args:
        window: ``povey`` (Hann to the power 0.85, Kaldi's default) or ``hamming``.
        gain: factor of the samples. Kaldi reads 16-bit integers. It matters where a bin is so empty that its power is
            raised to the floor.
        floor: the least power of a bin: single precision's epsilon.
    """

    window: str = "povey"
    gain: float = LOUDEST
    floor: float = 1.192092955078125e-07
    min_samples = WINDOW

    def frames(self, samples: int) -> int:
        """Number of windows of an utterance of ``samples`` samples."""
        return max(0, samples - WINDOW + HOP) // HOP

    def counts(self, lengths: Tensor) -> Tensor:
        """`frames` of ``lengths[B]``."""
        return (lengths - WINDOW + HOP).clamp(min=0) // HOP

    def levels(self, waveform: Tensor, lengths: Tensor, bins: int, scale: str) -> Tensor:
        """Log levels ``[B, W, bins]`` of ``waveform[B, S]``; ``W`` is the number of windows in ``S`` samples."""
        if waveform.shape[1] < WINDOW:
            return waveform.new_zeros(waveform.shape[0], 0, bins)
        x = waveform.unfold(1, WINDOW, HOP) * self.gain
        x = x - x.mean(2, keepdim=True)
        x = torch.cat([x[..., :1] * (1 - EMPHASIS), x[..., 1:] - EMPHASIS * x[..., :-1]], dim=2)
        filters = _filters(x, bins, (20.0, 8000.0), spaced=scale, rising=scale)
        return _times(_power(x * self._window(x)), filters).clamp(min=self.floor).log()

    def _window(self, like: Tensor) -> Tensor:
        if self.window == "hamming":
            return torch.hamming_window(WINDOW, periodic=False, dtype=like.dtype, device=like.device)
        return torch.hann_window(WINDOW, periodic=False, dtype=like.dtype, device=like.device).pow(0.85)


@dataclass(frozen=True)
class CenteredAnalysis:
    """ESPnet-SPK's log-mel (``espnet2/asr/frontend/melspec_torch.py``): windows around every 160th sample.

    The whole utterance is pre-emphasized and mirrored at its ends, so that there are ``S // 160 + 1`` windows. Filters are
    evenly spaced on the mel scale, 20..7600 Hz, and rise and fall linearly in hertz. The logarithm is of the level + 1e-6.
    """

    gain: float = 1.0
    min_samples = FFT // 2 + 1

    def frames(self, samples: int) -> int:
        """Number of windows of an utterance of ``samples`` samples; 0 where it is too short to be mirrored."""
        return samples // HOP + 1 if samples >= self.min_samples else 0

    def counts(self, lengths: Tensor) -> Tensor:
        """`frames` of ``lengths[B]``."""
        return torch.where(lengths >= self.min_samples, lengths // HOP + 1, 0)

    def levels(self, waveform: Tensor, lengths: Tensor, bins: int, scale: str) -> Tensor:
        """Log levels ``[B, W, bins]`` of ``waveform[B, S]``, mirrored at ``lengths[B]``."""
        S = waveform.shape[1]
        if self.min_samples > S:
            return waveform.new_zeros(waveform.shape[0], 0, bins)
        before = torch.cat(
            [waveform[:, 1:2], waveform[:, :-1]], dim=1
        )  # the first sample's predecessor is mirrored, too
        x = waveform - EMPHASIS * before
        place = torch.arange(-FFT // 2, S + FFT // 2, device=x.device).abs()
        place = torch.where(place >= lengths[:, None], 2 * (lengths[:, None] - 1) - place, place).clamp(0, S - 1)
        windows = x.gather(1, place).unfold(1, FFT, HOP)
        window = torch.zeros(FFT, dtype=x.dtype, device=x.device)
        window[(FFT - WINDOW) // 2 : (FFT + WINDOW) // 2] = torch.hamming_window(WINDOW, dtype=x.dtype, device=x.device)
        filters = _filters(x, bins, (20.0, 7600.0), spaced=scale, rising="linear")
        return (_times(_power(windows * window), filters) + 1e-6).log()


Analysis: TypeAlias = KaldiAnalysis | CenteredAnalysis

TOOLKITS: dict[str, Analysis] = {
    "seamless": KaldiAnalysis(),
    "wespeaker": KaldiAnalysis(window="hamming"),
    "3d_speaker": KaldiAnalysis(gain=1.0),
    "espnet": CenteredAnalysis(),
}
"""Name in a config -> the analysis. ``seamless`` is that of w2v-BERT 2.0, and ``wespeaker`` also pyannote's."""

CENTERED = tuple(name for name, each in TOOLKITS.items() if isinstance(each, CenteredAnalysis))
"""The names of those whose windows reach beyond the ends of the audio."""


def log_levels(analysis: Analysis, waveform: Tensor, lengths: Tensor, bins: int, scale: str) -> Tensor:
    """Log levels ``[B, W, bins]`` of a padded batch; those of windows that reach into padding are meaningless.

    They are computed in float64 with or without autocast, because float32 transforms put noise into almost empty bins,
    which normalization amplifies. (Apple's GPU has no float64, so there they are computed in float32.)

    Args:
        analysis: what a toolkit does.
        waveform: ``[B, S]``, 16 kHz, -1..1.
        lengths: ``[B]`` valid samples.
        bins: number of filters.
        scale: ``mel``, or ``linear`` in hertz.
    """
    wide = waveform.to(torch.float32 if waveform.device.type == "mps" else torch.float64)
    return analysis.levels(wide, lengths, bins, scale)


def _power(windows: Tensor) -> Tensor:
    spectrum = torch.fft.rfft(windows, n=FFT)
    return spectrum.real.square() + spectrum.imag.square()


def _times(power: Tensor, filters: Tensor) -> Tensor:
    # Autocast does not change float64; for float32 it must be switched off.
    with torch.autocast("mps", enabled=False) if power.device.type == "mps" else nullcontext():
        return power @ filters


def _on_scale(hertz: Tensor, scale: str) -> Tensor:
    return 1127.0 * torch.log1p(hertz / 700.0) if scale == "mel" else hertz


def _in_hertz(place: Tensor, scale: str) -> Tensor:
    return 700.0 * torch.expm1(place / 1127.0) if scale == "mel" else place


def _filters(like: Tensor, bins: int, ends: tuple[float, float], *, spaced: str, rising: str) -> Tensor:
    """Triangular filters ``[257, bins]`` between two frequencies: evenly spaced on one scale, straight on another."""
    first, last = _on_scale(like.new_tensor(ends), spaced)
    corners = first + (last - first) * torch.arange(bins + 2, dtype=like.dtype, device=like.device) / (bins + 1)
    corners = corners if rising == spaced else _on_scale(_in_hertz(corners, spaced), rising)
    hertz = torch.arange(FFT // 2 + 1, dtype=like.dtype, device=like.device) * (SAMPLE_RATE / FFT)
    places = _on_scale(hertz, rising)[:, None]
    up = (places - corners[:-2]) / (corners[1:-1] - corners[:-2])
    down = (corners[2:] - places) / (corners[2:] - corners[1:-1])
    return torch.minimum(up, down).clamp(min=0)

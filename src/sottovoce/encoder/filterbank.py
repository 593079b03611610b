"""Log filterbanks, among them the one that w2v-BERT 2.0 listens to, as one batched torch function of the waveform."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn

WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms every 10 ms at 16 kHz
STACK = 2  # windows in a frame
LOWEST, HIGHEST, RATE = 20.0, 8000.0, 16000  # Hz
FLOOR = 1.192092955078125e-07


class Filterbank(nn.Module):
    """Kaldi-style log filterbank, normalised per utterance, two frames stacked into one.

    As it comes, it is equal to the stock ``SeamlessM4TFeatureExtractor`` on each utterance alone, but batched and
    differentiable::

        waveform ─▶ 25 ms windows every 10 ms, scaled to 16 bit ─▶ no DC, pre-emphasis 0.97, Povey window
                 ─▶ power spectrum (512) ─▶ 80 mel bins, 20..8000 Hz ─▶ log ─▶ mean 0, variance 1 over the utterance
                 ─▶ pairs of frames side by side: 160 features every 20 ms

    A last window without a partner is part of the statistics, but not of the features: the stock extractor pads it with
    zeros and masks the pair, so ``T = windows // 2`` are the frames that the stock model attends to.

    It has neither parameters nor buffers: the constants are computed from scratch in every call (some 20,000 numbers),
    so that no ``.half()``, ``.to("meta")`` or checkpoint can spoil them. The computation is in float64 whatever the
    dtype of the waveform, autocast or not: float32 transforms put noise into bins that are almost empty, which the
    normalisation then amplifies. (float32 on Apple's GPU, which has nothing better.)

    Args:
        bins: triangles, evenly spaced ...
        scale: on the ``mel`` scale, or in hertz (``linear``), which is as fine at 7 kHz as at 1 kHz: machines are heard
            up there.
        norm: mean 0 and variance 1 of each ``bin``; or only of the ``level``, of all bins taken together. The first
            removes microphone and room, and with them what is lasting about a recording; the second only its loudness.
    """

    def __init__(self, bins: int = 80, scale: str = "mel", norm: str = "bin"):
        super().__init__()
        self.bins, self.scale, self.norm = bins, scale, norm

    @property
    def size(self) -> int:
        """Number of features of a frame."""
        return self.bins * STACK

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features of a padded batch.

        Args:
            waveform: ``[B, S]``, 16 kHz, -1..1.
            lengths: ``[B]``, valid samples of each utterance; what lies behind is not looked at.

        Returns:
            ``[B, T, bins * 2]`` in the dtype of the waveform, zero behind the end of an utterance; and valid frames ``[B]``.
        """
        device, exact = waveform.device, torch.float32 if waveform.device.type == "mps" else torch.float64
        windows = _windows(lengths)
        levels = self._log_levels(waveform.to(exact))
        valid = (torch.arange(levels.shape[1], device=device) < windows[:, None])[..., None]
        levels = _normalised(levels, valid, (1,) if self.norm == "bin" else (1, 2))
        frames, longest = windows // STACK, levels.shape[1] // STACK
        features = levels[:, : longest * STACK].reshape(len(levels), longest, self.size)
        inside = torch.arange(longest, device=device) < frames[:, None]
        return torch.where(inside[..., None], features, 0).to(waveform.dtype), frames

    @staticmethod
    def frames(samples: int) -> int:
        """Frames ``T`` of an utterance of so many samples; 0 for one under 560 samples (35 ms)."""
        return max(0, samples - WINDOW + HOP) // HOP // STACK

    def _log_levels(self, waveform: Tensor) -> Tensor:
        B, S = waveform.shape
        if S < WINDOW:
            return waveform.new_zeros(B, 0, self.bins)
        x = waveform.unfold(1, WINDOW, HOP) * 2**15
        x = x - x.mean(2, keepdim=True)
        x = torch.cat([x[..., :1] * (1 - 0.97), x[..., 1:] - 0.97 * x[..., :-1]], dim=2)
        spectrum = torch.fft.rfft(x * _povey(x), n=FFT)
        power = spectrum.real.square() + spectrum.imag.square()
        # Autocast leaves float64 alone; where float32 is all there is, it must be told to.
        with torch.autocast("mps", enabled=False) if waveform.device.type == "mps" else nullcontext():
            return (power @ _filters(x, self.bins, _mel if self.scale == "mel" else _hertz)).clamp(min=FLOOR).log()


def _normalised(x: Tensor, valid: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Mean 0 and variance 1 over ``dims`` of the valid windows of each utterance; 0 elsewhere."""
    count = valid.expand_as(x).sum(dims, keepdim=True).to(x.dtype)
    mean = torch.where(valid, x, 0).sum(dims, keepdim=True) / count.clamp(min=1)
    x = torch.where(valid, x - mean, 0)
    variance = x.square().sum(dims, keepdim=True) / (count - 1).clamp(min=1)
    return x / (variance + 1e-7).sqrt()


def _windows(samples: Tensor) -> Tensor:
    return (samples - WINDOW + HOP).clamp(min=0) // HOP


def _povey(like: Tensor) -> Tensor:
    """Hann window ``[400]``, symmetric, to the power 0.85: Kaldi's default."""
    return torch.hann_window(WINDOW, periodic=False, dtype=like.dtype, device=like.device).pow(0.85)


def _mel(hertz: Tensor) -> Tensor:
    return 1127.0 * torch.log1p(hertz / 700.0)


def _hertz(hertz: Tensor) -> Tensor:
    return hertz


def _filters(like: Tensor, bins: int, scale: Callable[[Tensor], Tensor]) -> Tensor:
    """Triangles evenly spaced on a scale, ``[257, bins]``, on which they also rise and fall linearly."""
    ends = scale(like.new_tensor([LOWEST, HIGHEST]))
    corners = ends[0] + (ends[1] - ends[0]) * torch.arange(bins + 2, dtype=like.dtype, device=like.device) / (bins + 1)
    places = scale(torch.arange(FFT // 2 + 1, dtype=like.dtype, device=like.device) * (RATE / FFT))[:, None]
    rising = (places - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - places) / (corners[2:] - corners[1:-1])
    return torch.minimum(rising, falling).clamp(min=0)

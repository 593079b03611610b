"""Log filterbanks, such as that of w2v-BERT 2.0, as one batched torch function of the waveform."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from ...quantities import SAMPLE_RATE
from ..layers.frame_masks import frame_mask
from .feature_norm import RunningNorm, RunningStats, UtteranceNorm

WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms every 10 ms at 16 kHz
STACK = 2  # windows in a frame
LOWEST, HIGHEST = 20.0, 8000.0  # Hz
FLOOR = 1.192092955078125e-07


class Filterbank(nn.Module):
    """Kaldi-style log filterbank, normalized, two frames stacked into one.

    With its defaults it equals the stock ``SeamlessM4TFeatureExtractor`` on each utterance alone, but is batched and
    differentiable. With running statistics it also works in a stream::

        waveform ─▶ 25 ms windows every 10 ms, scaled to 16 bit ─▶ no DC, pre-emphasis 0.97, Povey window
                 ─▶ power spectrum (512) ─▶ 80 mel bins, 20..8000 Hz ─▶ log ─▶ mean 0, variance 1 (``norm``)
                 ─▶ pairs of frames side by side: 160 features every 20 ms

    A last window without a partner counts in the statistics, but makes no frame: the stock extractor pads it with zeros
    and masks the pair, so ``T = windows // 2`` are the frames that the stock model attends to.

    It has neither parameters nor buffers. Its constants (about 20,000 numbers) are computed in every call, so that no
    ``.half()``, ``.to("meta")`` or checkpoint can change them. It computes in float64 for any dtype of the waveform, with
    or without autocast, because float32 transforms put noise into almost empty bins, which the normalization amplifies.
    (Apple's GPU has no float64, so there it computes in float32.)

    Args:
        bins: number of triangular filters, evenly spaced on ``scale``.
        scale: ``mel``, or ``linear`` in hertz, which resolves 7 kHz as finely as 1 kHz and helps to detect synthetic speech.
        norm: normalization over the utterance (`UtteranceNorm`, the default) or over the past (`RunningNorm`).
    """

    def __init__(self, bins: int = 80, scale: str = "mel", norm: UtteranceNorm | RunningNorm | None = None):
        super().__init__()
        self.bins, self.scale, self.norm = bins, scale, norm or UtteranceNorm()

    @property
    def size(self) -> int:
        """Number of features in a frame."""
        return self.bins * STACK

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features of a padded batch.

        Args:
            waveform: ``[B, S]``, 16 kHz, -1..1.
            lengths: ``[B]``, valid samples of each utterance; samples after them are ignored.

        Returns:
            Features ``[B, T, bins * 2]`` in the dtype of the waveform, zero after the end of an utterance, and the number of
            valid frames ``[B]``.
        """
        windows = _windows(lengths)
        levels = self._log_levels(waveform)
        valid = frame_mask(windows, levels.shape[1])[..., None]
        features = self._stacked(self.norm(levels, valid))
        frames = windows // STACK
        inside = frame_mask(frames, features.shape[1])
        return torch.where(inside[..., None], features, 0).to(waveform.dtype), frames

    def forward_chunk(self, waveform: Tensor, stats: RunningStats) -> Tensor:
        """Features ``[B, T, bins * 2]`` of samples ``[B, S]`` from the middle of an utterance, under running statistics.

        Args:
            waveform: samples from the start of a frame on, all of them valid.
            stats: the state of the stream; it is updated with the windows of these frames.
        """
        assert isinstance(self.norm, RunningNorm)  # `check_streamable` has refused the others
        levels = self._log_levels(waveform)
        return self._stacked(self.norm(levels[:, : levels.shape[1] // STACK * STACK], stats=stats)).to(waveform.dtype)

    def _stacked(self, levels: Tensor) -> Tensor:
        frames = levels.shape[1] // STACK
        return levels[:, : frames * STACK].reshape(len(levels), frames, self.size)

    @staticmethod
    def frames(samples: int) -> int:
        """Number of frames ``T`` for an utterance of ``samples`` samples; 0 below 560 samples (35 ms)."""
        return max(0, samples - WINDOW + HOP) // HOP // STACK

    def _log_levels(self, waveform: Tensor) -> Tensor:
        waveform = waveform.to(torch.float32 if waveform.device.type == "mps" else torch.float64)
        B, S = waveform.shape
        if S < WINDOW:
            return waveform.new_zeros(B, 0, self.bins)
        x = waveform.unfold(1, WINDOW, HOP) * 2**15
        x = x - x.mean(2, keepdim=True)
        x = torch.cat([x[..., :1] * (1 - 0.97), x[..., 1:] - 0.97 * x[..., :-1]], dim=2)
        spectrum = torch.fft.rfft(x * _povey(x), n=FFT)
        power = spectrum.real.square() + spectrum.imag.square()
        # Autocast does not change float64; for float32 it must be switched off.
        with torch.autocast("mps", enabled=False) if waveform.device.type == "mps" else nullcontext():
            return (power @ _filters(x, self.bins, _mel if self.scale == "mel" else _hertz)).clamp(min=FLOOR).log()


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
    """Triangular filters ``[257, bins]``, evenly spaced on a scale, on which they also rise and fall linearly."""
    ends = scale(like.new_tensor([LOWEST, HIGHEST]))
    corners = ends[0] + (ends[1] - ends[0]) * torch.arange(bins + 2, dtype=like.dtype, device=like.device) / (bins + 1)
    places = scale(torch.arange(FFT // 2 + 1, dtype=like.dtype, device=like.device) * (SAMPLE_RATE / FFT))[:, None]
    rising = (places - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - places) / (corners[2:] - corners[1:-1])
    return torch.minimum(rising, falling).clamp(min=0)

"""Log filterbanks, such as that of w2v-BERT 2.0 or wespeaker, as one batched torch function of the waveform."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..layers.frame_masks import frame_mask
from .feature_norm import FeatureNorm, RunningNorm, RunningStats, UtteranceNorm
from .mel_analysis import FFT, HOP, TOOLKITS, Analysis, log_levels


class Filterbank(nn.Module):
    """Log filterbank, normalized; a frame is one window, or several side by side.

    With its defaults it equals the stock ``SeamlessM4TFeatureExtractor`` on each utterance alone, but is batched and
    differentiable. With running statistics it also works in a stream::

        waveform ─▶ 25 ms windows every 10 ms, scaled to 16 bit ─▶ no DC, pre-emphasis 0.97, Povey window
                 ─▶ power spectrum (512) ─▶ 80 mel bins, 20..8000 Hz ─▶ log ─▶ mean 0, variance 1 (``norm``)
                 ─▶ pairs of frames side by side: 160 features every 20 ms

    A last window without a partner counts in the statistics, but makes no frame: the stock extractor pads it with zeros
    and masks the pair, so ``T = windows // 2`` are the frames that the stock model attends to.

    It has neither parameters nor buffers. Its constants (about 20,000 numbers) are computed in every call, so that no
    ``.half()``, ``.to("meta")`` or checkpoint can change them.

    Args:
        bins: number of triangular filters, evenly spaced on ``scale``.
        scale: ``mel``, or ``linear`` in hertz, which resolves 7 kHz as finely as 1 kHz and helps to detect synthetic speech.
        norm: normalization over the utterance (`UtteranceNorm`, the default) or over the past (`RunningNorm`).
        analysis: windows and spectrum as a toolkit computes them; default: as w2v-BERT 2.0.
        stacked: number of windows side by side in a frame.
    """

    def __init__(
        self,
        bins: int = 80,
        scale: str = "mel",
        norm: FeatureNorm | None = None,
        analysis: Analysis = TOOLKITS["seamless"],
        stacked: int = 2,
    ):
        super().__init__()
        self.bins, self.scale, self.norm = bins, scale, norm or UtteranceNorm()
        self.analysis, self.stacked = analysis, stacked

    @property
    def size(self) -> int:
        """Number of features in a frame."""
        return self.bins * self.stacked

    @property
    def hop(self) -> int:
        """Number of samples from one frame to the next."""
        return HOP * self.stacked

    @property
    def min_samples(self) -> int:
        """The least number of samples that makes a frame."""
        return self.analysis.min_samples + HOP * (self.stacked - 1)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one window."""
        return (FFT // 2 + 1) * self.bins

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features of a padded batch.

        Args:
            waveform: ``[B, S]``, 16 kHz, -1..1.
            lengths: ``[B]``, valid samples of each utterance; samples after them are ignored.

        Returns:
            Features ``[B, T, bins * stacked]`` in the dtype of the waveform, zero after the end of an utterance, and the
            number of valid frames ``[B]``.
        """
        windows = self.analysis.counts(lengths)
        levels = log_levels(self.analysis, waveform, lengths, self.bins, self.scale)
        valid = frame_mask(windows, levels.shape[1])[..., None]
        features = self._stacked(self.norm(levels, valid))
        frames = windows // self.stacked
        inside = frame_mask(frames, features.shape[1])
        return torch.where(inside[..., None], features, 0).to(waveform.dtype), frames

    def forward_chunk(self, waveform: Tensor, stats: RunningStats) -> Tensor:
        """Features ``[B, T, bins * stacked]`` of samples ``[B, S]`` from the middle of an utterance, under running statistics.

        Args:
            waveform: samples from the start of a frame on, all of them valid.
            stats: the state of the stream; it is updated with the windows of these frames.
        """
        assert isinstance(self.norm, RunningNorm)  # `check_streamable` has refused the others
        whole = torch.full(waveform.shape[:1], waveform.shape[1], device=waveform.device)
        levels = log_levels(self.analysis, waveform, whole, self.bins, self.scale)
        kept = levels[:, : levels.shape[1] // self.stacked * self.stacked]
        return self._stacked(self.norm(kept, stats=stats)).to(waveform.dtype)

    def _stacked(self, levels: Tensor) -> Tensor:
        frames = levels.shape[1] // self.stacked
        return levels[:, : frames * self.stacked].reshape(len(levels), frames, self.size)

    def windows(self, samples: int) -> int:
        """Number of windows for an utterance of ``samples`` samples."""
        return self.analysis.frames(samples)

    def frames(self, samples: int) -> int:
        """Number of frames ``T`` for an utterance of ``samples`` samples; 0 below `min_samples`."""
        return self.windows(samples) // self.stacked

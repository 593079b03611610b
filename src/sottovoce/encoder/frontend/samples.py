"""A front end that computes nothing: the frames are the samples of the waveform, for heads with a front end of their own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..units import Timing
from .feature_norm import RunningStats
from .waveform_frontend import check_lengths


class SampleFrontEnd(nn.Module):
    """``waveform [B, S], lengths [B] -> stream [B, S, 1], lengths [B]``, without parameters.

    Args:
        fixed: number of samples that every utterance is repeated or cut to, as networks need that were only ever trained on
            crops of one length; ``None``: utterances stay as long as they are.
    """

    min_samples = 1
    hop = 1

    def __init__(self, fixed: int | None = None):
        super().__init__()
        self.fixed = fixed

    def timing(self, samples: int) -> Timing:
        """The number of frames for an utterance of ``samples`` samples."""
        frames = samples if self.fixed is None else self.fixed
        return Timing(samples, frames, (frames,))

    def forward_chunk(self, waveform: Tensor, stats: RunningStats) -> Tensor:
        """``[B, S] -> [B, S, 1]`` for samples from the middle of an utterance."""
        return waveform[..., None]

    def forward(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``[B, S], [B] -> [B, T, 1], [B]``: the stream and the valid frames; without lengths, all are valid."""
        check_lengths(waveform, lengths, self.min_samples)
        if self.fixed is None:
            return waveform[..., None], lengths
        places = torch.arange(self.fixed, device=waveform.device)
        if lengths is None:
            return waveform[:, places % waveform.shape[1], None], None
        repeated = waveform.gather(1, places % lengths.to(waveform.device)[:, None])
        return repeated[..., None], torch.full_like(lengths, self.fixed)

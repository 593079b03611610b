"""Normalisation over time that sees only the valid frames of an utterance."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def valid(lengths: Tensor, size: int) -> Tensor:
    """Mask ``[B, size]``: True where a frame (or sample) is before the end of its utterance."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]


class TimeNorm(nn.Module):
    """GroupNorm with one channel a group, as in the Base front ends, over valid frames only: ``[B, T, C]``.

    The stock class lets padding into the statistics and so changes with the batch; this one does not.
    """

    def __init__(self, channels: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        dtype = x.dtype
        x = x.float() if dtype in (torch.bfloat16, torch.float16) else x
        if lengths is None:
            variance, mean = torch.var_mean(x, dim=1, correction=0, keepdim=True)
        else:
            mask, count = valid(lengths, x.shape[1])[..., None], lengths[:, None, None]
            mean = (x * mask).sum(1, keepdim=True) / count
            variance = ((x - mean) * mask).square().sum(1, keepdim=True) / count
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return torch.addcmul(self.bias - mean * scale, x, scale).to(dtype)


def normalize_waveform(waveform: Tensor, lengths: Tensor | None) -> Tensor:
    """Zero mean and unit variance of each utterance ``[B, S]``; padding becomes 0 (as stock feature extractors do)."""
    if lengths is None:
        variance, mean = torch.var_mean(waveform, dim=1, correction=0, keepdim=True)
        return (waveform - mean) * torch.rsqrt(variance + 1e-7)
    mask, count = valid(lengths, waveform.shape[1]), lengths[:, None]
    mean = (waveform * mask).sum(1, keepdim=True) / count
    centred = (waveform - mean) * mask
    return centred * torch.rsqrt(centred.square().sum(1, keepdim=True) / count + 1e-7)

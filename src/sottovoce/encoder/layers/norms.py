"""Normalization over time that sees only the valid frames of an utterance."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .frame_masks import frame_mask


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` in float32 or float64, for sums of squares and their roots: in float16 these or their gradients overflow."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class TimeNorm(nn.Module):
    """GroupNorm with one channel per group after a linear map, as in the Base front ends, over valid frames only.

    The statistics of the stock class include padding, so its output depends on the batch; that of this class does not.

    Args:
        channels: number of channels.
        eps: added to the variance.
    """

    def __init__(self, channels: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def folded(self, windows: Tensor, weight: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Fold the norm into the linear map before it, without computing that map's output.

        Mean and variance of ``windows @ weight`` follow from the mean and covariance of the windows, which are small.

        Args:
            windows: ``[B, T, K]``, the input of the map.
            weight: ``[C, K]``; a bias of the map has no effect, because the norm removes it.
            lengths: ``[B]`` valid frames; ``None``: all are valid.

        Returns:
            For each utterance, weight ``[B, K, C]`` and bias ``[B, 1, C]`` of a map whose output is normalized.
        """
        exact = windows.double()
        if lengths is None:
            count: Tensor | int = windows.shape[1]
        else:
            count = lengths[:, None, None]
            exact = exact * frame_mask(lengths, windows.shape[1])[..., None]
        mean = exact.sum(1, keepdim=True) / count  # [B, 1, K]
        covariance = exact.transpose(1, 2) @ exact / count - mean.transpose(1, 2) @ mean
        wide = weight.double().t()  # [K, C]
        variance = ((covariance @ wide) * wide).sum(1, keepdim=True).clamp(min=0)
        scale = torch.rsqrt(variance + self.eps) * self.weight
        bias = self.bias - (mean @ wide) * scale
        return (wide * scale).to(windows.dtype), bias.to(windows.dtype)


def normalize_waveform(waveform: Tensor, lengths: Tensor | None, eps: float) -> Tensor:
    """Zero mean and unit variance of each utterance ``[B, S]``; padding becomes 0 (as stock feature extractors do).

    Args:
        waveform: ``[B, S]``.
        lengths: ``[B]`` valid samples; ``None``: all.
        eps: added to the variance. Of speech at -50 dB the variance is 1e-5.
    """
    if lengths is None:
        variance, mean = torch.var_mean(waveform, dim=1, correction=0, keepdim=True)
        return (waveform - mean) * torch.rsqrt(variance + eps)
    mask, count = frame_mask(lengths, waveform.shape[1]), lengths[:, None]
    mean = (waveform * mask).sum(1, keepdim=True) / count
    centered = (waveform - mean) * mask
    return centered * torch.rsqrt(centered.square().sum(1, keepdim=True) / count + eps)

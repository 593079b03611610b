"""Operations on frames ``[B, C, T]`` that padding does not affect: an utterance gives the same result in a batch and alone.

A mask ``[B, T]`` (`mask_if_padded`) is True on frames that are not padding; ``None`` means that no frame is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoder.layers.norms import at_least_float32
from ..encoder.layers.safe_convolution import Conv1d
from ..encoder.units import MacTerm, Timing
from ..errors import AudioError


def check_frames(frames: Tensor, least: int) -> None:
    """Check that no utterance is too short for layers that lose frames.

    Args:
        frames: ``[B]`` frames of each utterance.
        least: number of frames that they need.

    Raises:
        AudioError: an utterance has fewer.
    """
    if frames.is_meta or torch.compiler.is_compiling():
        return
    shortest, at = (int(x) for x in frames.min(0))
    if shortest < least:
        raise AudioError(f"utterance {at} has {shortest} frames; the time-delay layers need at least {least}")


def zero_padding(x: Tensor, mask: Tensor | None) -> Tensor:
    """``x[B, C, T]`` with padding set to zero."""
    return x if mask is None else x.masked_fill(~mask[:, None], 0.0)


def mean_over_time(x: Tensor, mask: Tensor | None) -> Tensor:
    """Mean ``[B, C]`` of ``x[B, C, T]`` over its valid frames."""
    if mask is None:
        return x.mean(2)
    return zero_padding(x, mask).sum(2) / mask.sum(1, keepdim=True)


def centered_over_time(x: Tensor, mask: Tensor | None) -> Tensor:
    """``x[B, C, T]`` with mean 0 of every channel over the utterance; padding is 0."""
    wide = at_least_float32(x)
    return zero_padding(wide - mean_over_time(wide, mask)[..., None], mask).to(x.dtype)


def normalized_over_time(x: Tensor, mask: Tensor | None, eps: float = 1e-5) -> Tensor:
    """``x[B, C, T]`` with mean 0 and variance 1 of every channel over the utterance; padding is 0."""
    centered = centered_over_time(at_least_float32(x), mask)
    return (centered * torch.rsqrt(mean_over_time(centered.square(), mask) + eps)[..., None]).to(x.dtype)


def all_frames(timing: Timing) -> float:
    """The number of frames of the hidden states."""
    return timing.frames


class PerFrame:
    """Mixin of modules that multiply for every frame.

    Attributes:
        count: the number of frames, of an utterance of any length; by default those of the hidden states.
    """

    count: Callable[[Timing], float] = staticmethod(all_frames)


def set_count(module: nn.Module, count: Callable[[Timing], float]) -> None:
    """Say how many frames a module and its parts see, where they are fewer than the hidden states have."""
    for each in module.modules():
        if isinstance(each, PerFrame):
            each.count = count


class TimeConv(PerFrame, Conv1d):
    """Convolution over time; utterances are padded with zeros on both sides.

    Args:
        inputs, outputs: number of channels.
        kernel: number of taps, odd.
        dilation: frames from one tap to the next.
        padding: zeros on each side; by default as many as keep the number of frames.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        *,
        dilation: int = 1,
        bias: bool = True,
        padding: int | None = None,
    ):
        zeros = dilation * (kernel // 2) if padding is None else padding
        super().__init__(inputs, outputs, kernel, dilation=dilation, padding=zeros, bias=bias)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, inputs, T] -> [B, outputs, T']``."""
        return super().forward(zero_padding(x, mask) if self.kernel_size[0] > 1 else x)

    def macs(self) -> list[MacTerm]:
        return [MacTerm(self.count, "weight")]


class MaskedBatchNorm1d(nn.BatchNorm1d):
    """Batch norm ``[B, C, T] -> [B, C, T]`` whose training statistics come from valid frames only."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None or not self.training:
            return super().forward(x)
        frames = x.transpose(1, 2)
        out = torch.zeros_like(frames)
        out[mask] = super().forward(frames[mask]).to(out.dtype)
        return out.transpose(1, 2)


class ConvBlock(nn.Module):
    """Convolution over time, ReLU, batch norm: the building block of time-delay networks.

    Args:
        inputs, outputs, kernel, dilation, padding: see `TimeConv`.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, *, dilation: int = 1, padding: int | None = None):
        super().__init__()
        self.conv = TimeConv(inputs, outputs, kernel, dilation=dilation, padding=padding)
        self.lost = 0 if padding is None else dilation * (kernel - 1) - 2 * padding
        self.norm = MaskedBatchNorm1d(outputs)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, inputs, T] -> [B, outputs, T']``."""
        left = mask if mask is None else mask[:, self.lost :]
        return self.norm(F.relu(self.conv(x, mask)), left)


class VectorNorm(nn.BatchNorm1d):
    """Batch norm of one vector for each utterance, ``[B, C] -> [B, C]``.

    A batch of one has no statistics, so it uses the running ones, as in evaluation, and does not update them.
    """

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 1:
            return super().forward(x)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class SqueezeExcitation(nn.Module):
    """Scales every channel by a weight computed from the whole utterance (Hu et al. 2018)::

        mean over T ─▶ squeeze ─▶ ReLU ─▶ (norm) ─▶ excite ─▶ sigmoid ─▶ [B, C]

    Args:
        channels: channels of the input.
        bottleneck: units of the hidden layer.
        norm: whether the hidden layer ends in a batch norm.
    """

    def __init__(self, channels: int, bottleneck: int, *, norm: bool):
        super().__init__()
        self.squeeze = nn.Linear(channels, bottleneck)
        self.norm = VectorNorm(bottleneck) if norm else None
        self.excite = nn.Linear(bottleneck, channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``[B, C, T] -> [B, C, T]``."""
        hidden = F.relu(self.squeeze(mean_over_time(x, mask)))
        scale = torch.sigmoid(self.excite(hidden if self.norm is None else self.norm(hidden)))
        return x * scale[..., None]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: 1, f"{name}.weight") for name in ("squeeze", "excite")]

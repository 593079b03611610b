"""A grouped convolution with a long kernel by the Fourier transform (overlap-save), for inference on a CPU.

A positional convolution of 128 taps takes a tenth to a fifth of a slim encoder's time. The transform of its weight can be
kept; then 129 products of small complex matrices do the work of 128 taps for 129 frames. Low precision is transformed in
float32 (see `safe_convolution`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from .safe_convolution import LOW_PRECISION, low_precision

LEAST_TAPS = 64
"""Shorter kernels are faster without the transform."""

LEAST_FRAMES = 100
"""With fewer frames, reading the transform of the weight (twice its size) takes as long as the convolution."""

_spectra: Any = WeakTensorKeyDictionary()
"""Parameter -> (version of its content, sample of its values, its transform), kept as long as the parameter exists."""


def long_convolution_serves(x: Tensor, weight: Tensor) -> bool:
    """Whether `long_convolution` is faster: in inference on a CPU, with a parameter as the weight.

    A gated weight is a new tensor in every call, so its transform cannot be kept.
    """
    return (
        not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and isinstance(weight, torch.nn.Parameter)
        and not weight.is_inference()
        and x.device.type == "cpu"
        and (x.dtype == weight.dtype or low_precision(x) is not None)
        and weight.shape[2] >= LEAST_TAPS
        and x.shape[1] >= LEAST_FRAMES
    )


def long_convolution(x: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
    """`torch.nn.functional.conv1d` with as many output as input frames and ``kernel // 2`` frames of padding on the left.

    Args:
        x: ``[B, T, I]``, channels last.
        weight: ``[O, I / groups, k]``; its transform is kept until the weight changes or is deleted.
        bias: ``[O]``.
        groups: number of groups of channels, each of which reads its own.

    Returns:
        ``[B, T, O]``.
    """
    if (dtype := low_precision(x)) is not None:
        with torch.autocast("cpu", enabled=False):
            return long_convolution(x.float(), weight, bias.float(), groups).to(dtype)
    (B, T, I), (O, _, K) = x.shape, weight.shape
    size = _size(K)
    hop = size - K + 1
    n = -(-T // hop)
    left = K // 2
    x = F.pad(x, (0, 0, left, n * hop + K - 1 - T - left))
    spectrum = torch.fft.rfft(x.unfold(1, size, hop))  # [B, n, I, F]
    spectrum = spectrum.view(B * n, groups, I // groups, -1).permute(3, 1, 0, 2).flatten(0, 1)
    product = torch.bmm(spectrum, _spectrum(weight, groups)).view(-1, groups, B * n, O // groups)
    y = torch.fft.irfft(product.permute(2, 1, 3, 0), n=size)[..., :hop]  # the rest of each segment wraps around
    return y.reshape(B, n, O, hop).transpose(2, 3).flatten(1, 2)[:, :T] + bias


def kept_bytes(weights: Iterable[Tensor]) -> int:
    """Bytes of the transforms that are kept for these weights."""
    return sum(_spectra[w][-1].nbytes for w in weights if w in _spectra)


def _size(taps: int) -> int:
    """Length of a segment: a power of two, of which at least half is output."""
    return 1 << (2 * taps - 1).bit_length()


def _spectrum(weight: Tensor, groups: int) -> Tensor:
    """``[F * groups, I / groups, O / groups]``: the conjugate, because the convolution of a layer is a correlation."""
    # Writing through `.data` does not change the version, so a sample of the values is compared too.
    version = (weight._version, groups, weight.dtype)
    stride = (
        max(1, weight.numel() // 4096) | 1
    )  # odd, or else a kernel of 128 taps would be sampled at its first tap only
    sample = weight.detach().flatten()[::stride]
    if weight in _spectra:
        old_version, old_sample, spectrum = _spectra[weight]
        if old_version == version and torch.equal(old_sample, sample):
            return spectrum
    O, I, K = weight.shape
    wide = weight.detach().float() if weight.dtype in LOW_PRECISION else weight.detach()
    spectrum = torch.fft.rfft(wide.view(groups, O // groups, I, K), n=_size(K)).conj()
    spectrum = spectrum.permute(3, 0, 2, 1).flatten(0, 1).resolve_conj().contiguous()
    _spectra[weight] = (version, sample.clone(), spectrum)
    return spectrum

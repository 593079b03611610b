"""Initial weights of the first convolution of a new waveform encoder: band-pass filters on the mel scale (LEAF, 2101.08596).

Published checkpoints have learned their filters from thousands of hours of speech. A network that is trained from scratch for
minutes cannot do that. With these filters it learns about as fast as a network with a mel filterbank.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..errors import TrainingError
from ..quantities import SAMPLE_RATE

LOWEST, HIGHEST = 60.0, 7600.0
PRE_EMPHASIS = 0.97
PHASES = 4
"""Cosine, sine and their negatives: after a rectifier their sum approximates the envelope."""


def mel_filters(channels: int, kernel: int) -> Tensor:
    """Windowed cosines and sines ``[channels, kernel]`` at mel-spaced frequencies, with four phases each.

    Their gains rise with frequency like a pre-emphasis, because the spectrum of speech falls.

    Raises:
        TrainingError: ``channels`` is not a multiple of 4, or the kernel is shorter than 10 ms, too short for low bands.
    """
    if channels % PHASES or kernel < SAMPLE_RATE // 100:
        raise TrainingError(
            f"mel filters need a multiple of {PHASES} channels and a kernel of at least {SAMPLE_RATE // 100} "
            f"samples in the first convolution, not {channels} and {kernel}"
        )
    bands = channels // PHASES
    edges = _from_mel(torch.linspace(_to_mel(LOWEST), _to_mel(HIGHEST), bands + 2, dtype=torch.float64))
    time = (torch.arange(kernel, dtype=torch.float64) - (kernel - 1) / 2) / SAMPLE_RATE
    window = torch.hann_window(kernel, periodic=False, dtype=torch.float64)
    filters = []
    for low, center, high in zip(edges[:-2].tolist(), edges[1:-1].tolist(), edges[2:].tolist(), strict=True):
        width = 1.5 / (math.pi * (high - low))  # standard deviation in seconds of a Gaussian of about this bandwidth
        envelope = window * torch.exp(-0.5 * (time / width) ** 2)
        gain = abs(1 - PRE_EMPHASIS * complex(math.cos(turn := 2 * math.pi * center / SAMPLE_RATE), -math.sin(turn)))
        for phase in range(PHASES):
            wave = envelope * torch.cos(2 * math.pi * center * time + phase * math.pi / 2)
            wave = wave - wave.mean()
            filters.append(gain * wave / wave.norm())
    return torch.stack(filters).float()


def _to_mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)


def _from_mel(mel: Tensor) -> Tensor:
    return 700 * (10 ** (mel / 2595) - 1)

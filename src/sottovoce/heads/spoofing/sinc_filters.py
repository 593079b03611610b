"""Fixed band-pass filters on the waveform (the front end of RawNet2 and AASIST for anti-spoofing; after 1808.00158)."""

from __future__ import annotations

import torch
from torch import Tensor

from ...quantities import SAMPLE_RATE


def band_pass_filters(filters: int, taps: int) -> Tensor:
    """Windowed band-pass filters ``[filters, taps]`` in float64, side by side from 0 to 8 kHz and equally wide in mel.

    Args:
        filters: number of filters.
        taps: length of each, odd.
    """
    top = _mel(torch.tensor(SAMPLE_RATE / 2, dtype=torch.float64))
    edges = _hertz(torch.linspace(0, 1, filters + 1, dtype=torch.float64) * top)[:, None]
    places = torch.arange(taps, dtype=torch.float64) - taps // 2
    low_pass = 2 * edges / SAMPLE_RATE * torch.sinc(2 * edges * places / SAMPLE_RATE)
    return (low_pass[1:] - low_pass[:-1]) * torch.hamming_window(taps, periodic=False, dtype=torch.float64)


def _mel(hertz: Tensor) -> Tensor:
    return 2595 * torch.log10(1 + hertz / 700)


def _hertz(mel: Tensor) -> Tensor:
    return 700 * (10 ** (mel / 2595) - 1)

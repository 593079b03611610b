"""Fixed band-pass filters on the waveform (the front end of RawNet2 and AASIST for anti-spoofing; after 1808.00158)."""

from __future__ import annotations

import torch
from torch import Tensor

from ...quantities import SAMPLE_RATE
from ..on_waveform import mel_edges


def band_pass_filters(filters: int, taps: int) -> Tensor:
    """Windowed band-pass filters ``[filters, taps]`` in float64, side by side from 0 to 8 kHz and equally wide in mel.

    Args:
        filters: number of filters.
        taps: length of each, odd.
    """
    edges = torch.tensor(mel_edges(0, SAMPLE_RATE / 2, filters), dtype=torch.float64)[:, None]
    places = torch.arange(taps, dtype=torch.float64) - taps // 2
    low_pass = 2 * edges / SAMPLE_RATE * torch.sinc(2 * edges * places / SAMPLE_RATE)
    return (low_pass[1:] - low_pass[:-1]) * torch.hamming_window(taps, periodic=False, dtype=torch.float64)

"""Utterances as a fixed number of segments of one length, as they are scored by clovaai/voxceleb_trainer and ESPnet-SPK."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...quantities import SAMPLE_RATE, Seconds


@dataclass(frozen=True)
class Segments:
    """How an utterance is cut for scoring by segments.

        utterance   ├──────────────────────────────┤
        3 segments  ├─────────┤         ├──────────┤
                              ├─────────┤                 evenly spaced, from the start to the end; they may overlap

    Args:
        count: number of segments.
        seconds: length of each; a shorter utterance is repeated until it is long enough.
    """

    count: int
    seconds: Seconds

    def of(self, waveform: Tensor) -> Tensor:
        """The segments ``[count, S']`` of a waveform ``[S]`` at 16 kHz."""
        size = round(self.seconds * SAMPLE_RATE)
        if len(waveform) < size:  # one sample more than needed, as in both toolkits
            waveform = waveform.repeat(-(-(size + 1) // len(waveform)))[: size + 1]
        starts = torch.linspace(0, len(waveform) - size, self.count, dtype=torch.float64).long().tolist()
        return torch.stack([waveform[start : start + size] for start in starts])

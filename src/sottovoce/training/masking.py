"""Masks that set time spans and frequency bands of an encoder's features to zero during training.

    filterbank     on the log-mel features, whose mean is 0: SpecAugment (Park et al. 2019, 1904.08779)
    waveform       on the projected features, spans of frames and of channels: as in fine-tuning of wav2vec 2.0

Masks are drawn from torch's global generator, which the loop seeds before each forward pass by (seed, stage, step, rank).
They are attached to the encoder for one stage and act only in training mode, so neither teachers nor evaluations are masked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..encoder.frontend.waveform_frontend import FilterbankFrontEnd
from ..encoder.model import SpeechEncoder
from ..quantities import SAMPLE_RATE


class Mask(Protocol):
    """A mask that sets parts of features to zero."""

    def kept(self, features: Tensor, frames: Tensor, step: float, bands: int) -> Tensor:
        """The kept parts of ``features[B, T, C]``, as a mask that broadcasts to them.

        Args:
            features: the features, of which only the shape is used.
            frames: number of valid frames ``[B]``.
            step: seconds from one frame to the next.
            bands: number of frequency bands; the channels are these bands, once or repeated.
        """


@dataclass(frozen=True)
class TimeMask:
    """Masks time spans.

    Args:
        count: number of spans in each utterance.
        per_second: additional spans for each second of the utterance.
        longest: maximum length of a span in seconds; lengths are uniform from 0.
        share: maximum length of a span as a fraction of the utterance.
    """

    count: int = 2
    per_second: float = 0.0
    longest: float = 0.5
    share: float = 0.2

    def kept(self, features: Tensor, frames: Tensor, step: float, bands: int) -> Tensor:
        B, T, _ = features.shape
        counts = self.count + (self.per_second * step * frames).floor()
        width = (self.share * frames).clamp(max=self.longest / step)
        return ~_spans(T, int(counts.max()), counts, width, frames)[..., None]


@dataclass(frozen=True)
class FrequencyMask:
    """Masks frequency bands, or with a waveform front end spans of feature channels.

    Args:
        count: number of spans in each utterance.
        widest: maximum width of a span as a fraction of all bands; widths are uniform from 0.
    """

    count: int = 2
    widest: float = 0.33

    def kept(self, features: Tensor, frames: Tensor, step: float, bands: int) -> Tensor:
        B, _, C = features.shape
        whole = torch.full((B,), bands, device=features.device)
        silent = _spans(bands, self.count, torch.full_like(whole, self.count), self.widest * whole, whole)
        return ~silent.repeat(1, C // bands)[:, None]


def _spans(size: int, most: int, counts: Tensor, widest: Tensor, inside: Tensor) -> Tensor:
    """A mask ``[B, size]``, True in ``counts[B]`` (up to ``most``) random spans of up to ``widest[B]`` within ``inside[B]``."""
    drawn = torch.rand(2, most, len(counts), 1).to(counts.device)  # on the CPU: the same on every device
    width = drawn[0] * widest[:, None]
    start = drawn[1] * (inside[:, None] - width)
    place = torch.arange(size, device=counts.device)
    wanted = torch.arange(most, device=counts.device)[:, None, None] < counts[:, None]
    return ((place >= start.round()) & (place < (start + width).round()) & wanted).any(0)


@contextmanager
def masked(encoder: SpeechEncoder, masks: Sequence[Mask]) -> Iterator[None]:
    """Apply masks to an encoder's features while it is in training mode, until the context is left."""

    def hook(module: nn.Module, _: Any, output: tuple[Tensor, Tensor | None]) -> Any:
        features, lengths = output
        if not module.training:
            return output
        T = features.shape[1]
        frames = torch.full(features.shape[:1], T, device=features.device) if lengths is None else lengths
        for mask in masks:
            features = features * mask.kept(features, frames, step, bands or features.shape[2])
        return features, lengths

    front: Any = encoder.frontend
    step = encoder.config.samples_per_frame / encoder.config.downsampling / SAMPLE_RATE
    mel = isinstance(front, FilterbankFrontEnd)
    bands = front.filterbank.bins if mel else None
    handle = (front.filterbank if mel else front).register_forward_hook(hook) if masks else None
    try:
        yield
    finally:
        if handle is not None:
            handle.remove()

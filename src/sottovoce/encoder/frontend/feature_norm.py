"""Normalization of log-mel features: over the utterance or over the past, in mean and variance or in the mean alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

HORIZON = 1000
"""Number of windows that running statistics cover (10 s)."""

PRIOR = 100
"""Weight of the prior at the start of a stream, as a number of windows (1 s)."""

PRIOR_MEAN, PRIOR_VARIANCE = 13.0, 16.0
"""Mean and variance of log-mel energies of 16-bit speech. In 150 utterances of LibriSpeech they are
13.7 and 4.1², similar in all bins."""

FLOOR_VARIANCE = 1.0
"""Least variance of running statistics, so that noise in a long silence is not amplified. Speech has 3 to 20 in a bin."""


class UtteranceNorm:
    """Mean and variance over the whole utterance.

    Statistics of each bin, as in the stock extractor of w2v-BERT 2.0, remove the effects of microphone and room, and
    anything else that is constant in a recording. Statistics over all bins together remove only the loudness.

    Args:
        level: whether mean and variance are taken over all bins together.
    """

    def __init__(self, level: bool = False):
        self.dims = (1, 2) if level else (1,)

    def __call__(self, x: Tensor, valid: Tensor) -> Tensor:
        """``[B, W, bins] -> [B, W, bins]``: normalized where ``valid[B, W, 1]``, 0 elsewhere."""
        count = valid.expand_as(x).sum(self.dims, keepdim=True).to(x.dtype)
        mean = torch.where(valid, x, 0).sum(self.dims, keepdim=True) / count.clamp(min=1)
        x = torch.where(valid, x - mean, 0)
        variance = x.square().sum(self.dims, keepdim=True) / (count - 1).clamp(min=1)
        return x / (variance + 1e-7).sqrt()


class MeanNorm:
    """The mean of each bin over the whole utterance is subtracted, as Kaldi's toolkits do in front of speaker models."""

    def __call__(self, x: Tensor, valid: Tensor) -> Tensor:
        """``[B, W, bins] -> [B, W, bins]``: mean 0 where ``valid[B, W, 1]``, 0 elsewhere."""
        mean = torch.where(valid, x, 0).sum(1, keepdim=True) / valid.sum(1, keepdim=True).clamp(min=1)
        return torch.where(valid, x - mean, 0)


class NoNorm:
    """The levels as they are."""

    def __call__(self, x: Tensor, valid: Tensor) -> Tensor:
        """``[B, W, bins] -> [B, W, bins]``: unchanged where ``valid[B, W, 1]``, 0 elsewhere."""
        return torch.where(valid, x, 0)


@dataclass
class RunningStats:
    """The state of running statistics.

    Args:
        windows: the last windows, ``[B, <= HORIZON, bins]``; ``None`` at the start.
        count: number of windows so far.
    """

    windows: Tensor | None = None
    count: int = 0


class RunningNorm:
    """Mean and variance of each bin over the last 10 s up to each window, so that nothing depends on the future.

    At the start, a prior for speech is mixed in (online normalization as in Kaldi): after ``n`` windows it has the weight
    of ``min(PRIOR, HORIZON - n)`` windows, so after 10 s it has none.
    """

    def __call__(self, x: Tensor, valid: Tensor | None = None, stats: RunningStats | None = None) -> Tensor:
        """``[B, W, bins] -> [B, W, bins]``: normalized where ``valid[B, W, 1]``, 0 elsewhere.

        Args:
            x: log-mel windows.
            valid: the windows that are not padding; ``None``: all.
            stats: the state of the stream, which is updated; ``None`` for a whole utterance.
        """
        before = 0
        whole = x
        if stats is not None and stats.windows is not None:
            before, whole = stats.count, torch.cat([stats.windows, x], 1)
        number = torch.arange(before + 1, before + x.shape[1] + 1, device=x.device, dtype=x.dtype)[:, None]
        count = number.clamp(max=HORIZON)
        prior = (HORIZON - count).clamp(max=PRIOR)
        # Sums relative to the prior's mean have small terms and stay exact.
        centered = whole - PRIOR_MEAN
        total = count + prior
        mean = _sliding(centered, x.shape[1]) / total
        square = (_sliding(centered.square(), x.shape[1]) + prior * PRIOR_VARIANCE) / total
        variance = (square - mean.square()).clamp(min=FLOOR_VARIANCE)
        if stats is not None:
            stats.windows, stats.count = whole[:, -HORIZON:], before + x.shape[1]
        x = (x - PRIOR_MEAN - mean) / variance.sqrt()
        return x if valid is None else torch.where(valid, x, 0)


FeatureNorm: TypeAlias = UtteranceNorm | MeanNorm | NoNorm | RunningNorm


def _sliding(x: Tensor, last: int) -> Tensor:
    """Sums over the ``HORIZON`` windows that end at each of the ``last`` ones."""
    sums = torch.cat([x.new_zeros(x.shape[0], 1, x.shape[2]), x.cumsum(1)], 1)
    ends = torch.arange(x.shape[1] - last + 1, x.shape[1] + 1, device=x.device)
    return sums[:, ends] - sums[:, (ends - HORIZON).clamp(min=0)]

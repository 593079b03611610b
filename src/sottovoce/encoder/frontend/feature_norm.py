"""How log-mel features are brought to mean 0 and variance 1: over an utterance, or over what has been heard so far."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

HORIZON = 1000
"""Windows that running statistics look back (10 s)."""

PRIOR = 100
"""Windows that what is known of speech in general counts for, as long as little has been heard (1 s)."""

PRIOR_MEAN, PRIOR_VARIANCE = 13.0, 16.0
"""Log-mel energies of 16-bit speech: of 150 utterances of LibriSpeech, 13.7 and 4.1 squared, much alike in all bins."""

FLOOR_VARIANCE = 1.0
"""Of running statistics: a long silence must not make a shout of its own noise. Speech has 3 to 20 in every bin."""


class UtteranceNorm:
    """Mean and variance over the whole utterance.

    Of each bin, as the stock extractor of w2v-BERT 2.0 does: that removes microphone and room, and with them what is
    lasting about a recording. Or only of the level, of all bins taken together: that removes its loudness.
    """

    def __init__(self, level: bool = False):
        self.dims = (1, 2) if level else (1,)

    def __call__(self, x: Tensor, valid: Tensor) -> Tensor:
        """``[B, W, bins]`` -> normalized where ``valid[B, W, 1]``, 0 elsewhere."""
        count = valid.expand_as(x).sum(self.dims, keepdim=True).to(x.dtype)
        mean = torch.where(valid, x, 0).sum(self.dims, keepdim=True) / count.clamp(min=1)
        x = torch.where(valid, x - mean, 0)
        variance = x.square().sum(self.dims, keepdim=True) / (count - 1).clamp(min=1)
        return x / (variance + 1e-7).sqrt()


@dataclass
class RunningStats:
    """What running statistics remember: ``[B, <= HORIZON, bins]`` windows, and how many there have been in all."""

    windows: Tensor | None = None
    count: int = 0


class RunningNorm:
    """Mean and variance of each bin over the last 10 s, this window included: nothing depends on what comes later.

    A general prior stands in for what has not been heard yet (online normalization as in Kaldi): with ``n`` windows
    heard, it counts for ``min(PRIOR, HORIZON - n)`` more, so after 10 s it is gone.
    """

    def __call__(self, x: Tensor, valid: Tensor | None = None, stats: RunningStats | None = None) -> Tensor:
        """``[B, W, bins]`` -> normalized where ``valid[B, W, 1]``, 0 elsewhere.

        Args:
            stats: of the windows before these, if there were any; it is brought up to date.
        """
        before = 0
        whole = x
        if stats is not None and stats.windows is not None:
            before, whole = stats.count, torch.cat([stats.windows, x], 1)
        seen = torch.arange(before + 1, before + x.shape[1] + 1, device=x.device, dtype=x.dtype)[:, None]
        count = seen.clamp(max=HORIZON)
        prior = (HORIZON - count).clamp(max=PRIOR)
        # About the prior's mean: sums of small numbers stay exact.
        centered = whole - PRIOR_MEAN
        total = count + prior
        mean = _sliding(centered, x.shape[1]) / total
        square = (_sliding(centered.square(), x.shape[1]) + prior * PRIOR_VARIANCE) / total
        variance = (square - mean.square()).clamp(min=FLOOR_VARIANCE)
        if stats is not None:
            stats.windows, stats.count = whole[:, -HORIZON:], before + x.shape[1]
        x = (x - PRIOR_MEAN - mean) / variance.sqrt()
        return x if valid is None else torch.where(valid, x, 0)


def _sliding(x: Tensor, last: int) -> Tensor:
    """Sums over the ``HORIZON`` windows that end at each of the ``last`` ones."""
    sums = torch.cat([x.new_zeros(x.shape[0], 1, x.shape[2]), x.cumsum(1)], 1)
    ends = torch.arange(x.shape[1] - last + 1, x.shape[1] + 1, device=x.device)
    return sums[:, ends] - sums[:, (ends - HORIZON).clamp(min=0)]

"""Hidden states as s3prl gives them to networks that are built on an encoder (s3prl/nn/upstream.py)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .convolution import Count


def hop_count(samples: Count, hop: int) -> Count:
    """The number of hops of ``hop`` samples that have begun."""
    return (samples + hop - 1) // hop


def one_frame_each_hop(states: Sequence[Tensor], frames: Tensor, count: int) -> tuple[Tensor, ...]:
    """States ``[B, count, D]`` of ``[B, T, D]``, in which the last of the ``frames[B]`` frames of an utterance is repeated.

    The window of a frame is longer than a hop, so the last one or two hops of an utterance have no frame of their own.
    """
    places = torch.arange(count, device=frames.device)
    picked = torch.minimum(places[None], (frames - 1)[:, None])[..., None]  # [B, count, 1]
    return tuple(state.gather(1, picked.expand(-1, -1, state.shape[-1])) for state in states)

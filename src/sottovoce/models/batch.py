"""A batch of audio with its labels, as networks and losses take it."""

from __future__ import annotations

from typing import TypedDict

from torch import Tensor


class Batch(TypedDict, total=False):
    """The audio of a batch, and the labels that the task of a run needs.

    A task of another package may have more entries, in a subclass.
    """

    waveform: Tensor
    """``[B, S]`` float32, padded with zeros at the end."""

    lengths: Tensor
    """``[B]`` int64, samples."""

    ids: list[str]
    """The names of the utterances."""

    labels: Tensor
    """``[B]`` int64 classes, or ``[B, Q]`` for several questions."""

    activity: Tensor
    """``[B, T, K]``: who speaks in each frame."""

    tokens: Tensor
    """``[B, U]`` int64, padded."""

    token_lengths: Tensor
    """``[B]`` int64."""

    frames: Tensor
    """``[B]`` int64: the valid frames of each output of the network, which losses get."""

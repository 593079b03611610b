"""Streaming CTC searches, which take frames as they arrive and return labels when they are committed."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from .ctc_prefix_beam import CTCPrefixBeamSearch
from .timing import TimedLabel

MAX_UNCOMMITTED_FRAMES = 500
"""Frames (10 s) without a committed label after which a search commits its best prefix, so that memory is bounded."""


class StreamingSearch(Protocol):
    """A search that takes frames as they arrive. Each utterance needs a new search."""

    def push(self, frames: Tensor) -> list[TimedLabel]:
        """Take the next frames. Returns the newly committed labels, which cannot change any more."""

    def finish(self) -> list[TimedLabel]:
        """End the utterance. Returns the labels that were not committed before."""

    @property
    def pending(self) -> list[TimedLabel]:
        """The labels that `finish` would return now; they may still change."""


class CTCGreedyStream:
    """The best path; a label is committed when another label or the blank follows.

    Args:
        blank: index of the blank output.
    """

    def __init__(self, blank: int = 0):
        self.blank = blank
        self._frame = 0
        self._run: TimedLabel | None = None

    def push(self, frames: Tensor) -> list[TimedLabel]:
        """Take ``frames[T]``: the likeliest output of each frame."""
        committed = []
        for label in frames.tolist():
            run = self._run
            if run is not None and run.label == label:
                self._run = TimedLabel(label, run.first, self._frame)
            else:
                committed += self.pending
                self._run = TimedLabel(label, self._frame, self._frame)
            self._frame += 1
        return committed

    @property
    def pending(self) -> list[TimedLabel]:
        return [] if self._run is None or self._run.label == self.blank else [self._run]

    def finish(self) -> list[TimedLabel]:
        left, self._run = self.pending, None
        return left


class CTCBeamStream:
    """Prefix beam search; a label is committed when all prefixes that are likely enough contain it. The time of a label is
    the frame in which it is emitted.

    Args:
        search: a new search.
    """

    def __init__(self, search: CTCPrefixBeamSearch):
        self.search = search
        self._last_commit = 0  # frame up to which all labels are committed

    def push(self, frames: Tensor) -> list[TimedLabel]:
        """Take ``frames[T, V]``: natural log-probabilities."""
        self.search.push(frames.double().cpu().numpy())
        committed = self.search.commit(force=self.search.frames - self._last_commit > MAX_UNCOMMITTED_FRAMES)
        if committed or not self.search.hypotheses()[0].tokens:
            self._last_commit = self.search.frames
        return [TimedLabel(label, frame, frame) for label, frame in committed]

    @property
    def pending(self) -> list[TimedLabel]:
        best = self.search.hypotheses()[0]
        return [TimedLabel(*each) for each in zip(best.tokens, best.frames, best.frames, strict=True)]

    def finish(self) -> list[TimedLabel]:
        return self.pending

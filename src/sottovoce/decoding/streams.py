"""Searches that take frames as they come and say which labels are settled: CTC."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from .ctc_prefix_beam import CTCPrefixBeamSearch
from .timing import TimedLabel

MAX_UNCOMMITTED_FRAMES = 500
"""Frames after which a search decides for the best prefix, if its prefixes agree on nothing (10 s): memory is bounded."""


class StreamingSearch(Protocol):
    """What goes frame by frame; one for each utterance."""

    def push(self, frames: Tensor) -> list[TimedLabel]:
        """Hear the next frames. Returns labels that nothing can change any more, each once."""

    def finish(self) -> list[TimedLabel]:
        """The utterance has ended: the labels that are left."""

    @property
    def pending(self) -> list[TimedLabel]:
        """What `finish` would return now: it may still change."""


class CTCGreedyStream:
    """The best path; a label is settled where another one or the blank follows.

    Args:
        blank: which output is the blank.
    """

    def __init__(self, blank: int = 0):
        self.blank = blank
        self._frame = 0
        self._run: TimedLabel | None = None

    def push(self, frames: Tensor) -> list[TimedLabel]:
        """``frames[T]``: the likeliest output of each."""
        settled = []
        for label in frames.tolist():
            run = self._run
            if run is not None and run.label == label:
                self._run = TimedLabel(label, run.first, self._frame)
            else:
                settled += self.pending
                self._run = TimedLabel(label, self._frame, self._frame)
            self._frame += 1
        return settled

    @property
    def pending(self) -> list[TimedLabel]:
        return [] if self._run is None or self._run.label == self.blank else [self._run]

    def finish(self) -> list[TimedLabel]:
        left, self._run = self.pending, None
        return left


class CTCBeamStream:
    """Prefix beam search; a label is settled where all prefixes that have a chance have it. Every label is given the one
    frame where it came up.

    Args:
        search: at its beginning.
    """

    def __init__(self, search: CTCPrefixBeamSearch):
        self.search = search
        self._since = 0  # frame up to which all is settled, or nothing has been said

    def push(self, frames: Tensor) -> list[TimedLabel]:
        """``frames[T, V]``: natural log-probabilities."""
        self.search.push(frames.double().cpu().numpy())
        settled = self.search.pop_agreed(decide=self.search.frames - self._since > MAX_UNCOMMITTED_FRAMES)
        if settled or not self.search.hypotheses()[0].tokens:
            self._since = self.search.frames
        return [TimedLabel(label, frame, frame) for label, frame in settled]

    @property
    def pending(self) -> list[TimedLabel]:
        best = self.search.hypotheses()[0]
        return [TimedLabel(*each) for each in zip(best.tokens, best.frames, best.frames, strict=True)]

    def finish(self) -> list[TimedLabel]:
        return self.pending

"""Transducer searches that take frames as they come: a transducer is frame-synchronous by itself."""

from __future__ import annotations

from os.path import commonprefix

import torch
from torch import Tensor

from ..heads.sequence.transducer import Transducer
from .ctc_prefix_beam import PRUNING_MARGIN, chain_from_frames, frames_from_chain
from .hypothesis import check_search
from .streams import MAX_UNCOMMITTED_FRAMES
from .timing import TimedLabel
from .transducer import START, CachedJoiner, advance_beam, context_states


class TransducerGreedyStream:
    """The likeliest output at every step; every label is settled at once.

    Args:
        head: predictor and joiner.
        max_symbols: labels after which a frame is left without a blank.

    Raises:
        DataError: ``max_symbols`` below 1.
    """

    def __init__(self, head: Transducer, *, max_symbols: int = 10):
        check_search(max_symbols=max_symbols)
        self.head, self.max_symbols = head, max_symbols
        self._frame = 0
        self._context = [head.blank] * head.predictor.context

    @torch.no_grad()
    def push(self, frames: Tensor) -> list[TimedLabel]:
        """``frames[T, J]``: the next of `Transducer.project`."""
        found = []
        state = self._state(frames.device)
        for frame in frames.split(1):  # [1, J]: linear maps in 8 bits take no vectors
            for _ in range(self.max_symbols):
                label = int(self.head.joiner(frame, state).argmax())
                if label == self.head.blank:
                    break
                found.append(TimedLabel(label, self._frame, self._frame))
                self._context = [*self._context, label][1:]
                state = self._state(frames.device)
            self._frame += 1
        return found

    def _state(self, device: torch.device) -> Tensor:
        return context_states(self.head, torch.tensor([self._context], device=device))

    @property
    def pending(self) -> list[TimedLabel]:
        return []

    def finish(self) -> list[TimedLabel]:
        return []


class TransducerBeamStream:
    """Beam search over prefixes; a label is settled where all prefixes have it.

    Args:
        head: predictor and joiner.
        beam: prefixes kept after each frame, and after each label within one.
        max_symbols: labels in one frame.

    Raises:
        DataError: a beam or ``max_symbols`` below 1.
    """

    def __init__(self, head: Transducer, *, beam: int = 8, max_symbols: int = 3):
        check_search(beam=beam, max_symbols=max_symbols)
        self.head, self.beam, self.max_symbols = head, beam, max_symbols
        self._joiner = CachedJoiner(head)
        self._kept = START
        self._frame = self._since = 0
        self._known = 0  # labels at the beginning of every prefix that are settled: the predictor's context

    @torch.no_grad()
    def push(self, frames: Tensor) -> list[TimedLabel]:
        """``frames[T, J]``: the next of `Transducer.project`."""
        for frame in frames:
            self._kept = advance_beam(frame, self._kept, self._joiner, self.beam, self.max_symbols, self._frame)
            self._frame += 1
        self._give_up(decide=self._frame - self._since > MAX_UNCOMMITTED_FRAMES)
        settled = self._settle()
        if settled or not self.pending:
            self._since = self._frame
        return settled

    def _give_up(self, decide: bool) -> None:
        """Drop prefixes that are hopeless, and those that end like a likelier one: the predictor cannot tell them apart."""
        best, context = next(iter(self._kept.values()))[0], self.head.predictor.context
        hopeful: dict[tuple[int, ...], tuple[int, ...]] = {}
        for prefix, (score, _) in self._kept.items():
            if score > best - PRUNING_MARGIN:
                hopeful.setdefault(prefix[-context:], prefix)
        self._kept = {prefix: self._kept[prefix] for prefix in list(hopeful.values())[: 1 if decide else None]}

    def _settle(self) -> list[TimedLabel]:
        """The labels that all prefixes have in common; of these only what the predictor looks at is remembered."""
        common = tuple(commonprefix(list(self._kept)))
        settled = self._timed(common)
        context = min(len(common), self.head.predictor.context)
        self._kept = {
            (*common[len(common) - context :], *prefix[len(common) :]): (
                score,
                chain_from_frames(frames_from_chain(times)[len(settled) :]),
            )
            for prefix, (score, times) in self._kept.items()
        }
        self._known = context
        return settled

    def _timed(self, prefix: tuple[int, ...]) -> list[TimedLabel]:
        """Labels of ``prefix``, which the best one begins with, that are not settled yet."""
        frames = frames_from_chain(next(iter(self._kept.values()))[1])
        return [TimedLabel(*each) for each in zip(prefix[self._known :], frames, frames, strict=False)]

    @property
    def pending(self) -> list[TimedLabel]:
        return self._timed(next(iter(self._kept)))

    def finish(self) -> list[TimedLabel]:
        return self.pending

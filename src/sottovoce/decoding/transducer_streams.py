"""Streaming transducer searches, which take frames as they arrive and return labels when they are committed."""

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
    """The likeliest output at every step; every label is committed at once.

    Args:
        head: head of the model, with predictor and joiner.
        max_symbols: maximum number of labels in one frame.

    Raises:
        DataError: ``max_symbols`` is below 1.
    """

    def __init__(self, head: Transducer, *, max_symbols: int = 10):
        check_search(max_symbols=max_symbols)
        self.head, self.max_symbols = head, max_symbols
        self._frame = 0
        self._context = [head.blank] * head.predictor.context

    @torch.no_grad()
    def push(self, frames: Tensor) -> list[TimedLabel]:
        """Take ``frames[T, J]``, the next ones from `Transducer.project`."""
        found = []
        state = self._state(frames.device)
        for frame in frames.split(1):  # [1, J]: 8-bit linear layers do not take vectors
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
    """Beam search over prefixes; a label is committed when all prefixes contain it.

    Args:
        head: head of the model, with predictor and joiner.
        beam: number of prefixes that are kept after each frame, and after each label within one.
        max_symbols: maximum number of labels in one frame.

    Raises:
        DataError: ``beam`` or ``max_symbols`` is below 1.
    """

    def __init__(self, head: Transducer, *, beam: int = 8, max_symbols: int = 3):
        check_search(beam=beam, max_symbols=max_symbols)
        self.head, self.beam, self.max_symbols = head, beam, max_symbols
        self._joiner = CachedJoiner(head)
        self._beam = START
        self._frame = self._last_commit = 0
        self._known = 0  # number of committed labels at the beginning of every prefix, the context of the predictor

    @torch.no_grad()
    def push(self, frames: Tensor) -> list[TimedLabel]:
        """Take ``frames[T, J]``, the next ones from `Transducer.project`."""
        for frame in frames:
            self._beam = advance_beam(frame, self._beam, self._joiner, self.beam, self.max_symbols, self._frame)
            self._frame += 1
        self._prune(force=self._frame - self._last_commit > MAX_UNCOMMITTED_FRAMES)
        committed = self._commit()
        if committed or not self.pending:
            self._last_commit = self._frame
        return committed

    def _prune(self, force: bool) -> None:
        """Drop prefixes that are too unlikely, and those with the same predictor state as a likelier one."""
        best, context = next(iter(self._beam.values()))[0], self.head.predictor.context
        hopeful: dict[tuple[int, ...], tuple[int, ...]] = {}
        for prefix, (score, _) in self._beam.items():
            if score > best - PRUNING_MARGIN:
                hopeful.setdefault(prefix[-context:], prefix)
        self._beam = {prefix: self._beam[prefix] for prefix in list(hopeful.values())[: 1 if force else None]}

    def _commit(self) -> list[TimedLabel]:
        """Commit the labels that all prefixes have in common; prefixes keep only the predictor's context of them."""
        common = tuple(commonprefix(list(self._beam)))
        committed = self._timed(common)
        context = min(len(common), self.head.predictor.context)
        self._beam = {
            (*common[len(common) - context :], *prefix[len(common) :]): (
                score,
                chain_from_frames(frames_from_chain(times)[len(committed) :]),
            )
            for prefix, (score, times) in self._beam.items()
        }
        self._known = context
        return committed

    def _timed(self, prefix: tuple[int, ...]) -> list[TimedLabel]:
        """The labels of ``prefix``, a beginning of the best one, that are not committed yet."""
        frames = frames_from_chain(next(iter(self._beam.values()))[1])
        return [TimedLabel(*each) for each in zip(prefix[self._known :], frames, frames, strict=False)]

    @property
    def pending(self) -> list[TimedLabel]:
        return self._timed(next(iter(self._beam)))

    def finish(self) -> list[TimedLabel]:
        return self.pending

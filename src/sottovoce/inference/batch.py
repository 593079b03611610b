"""Many recordings through one model. Headers are checked before the first is read, and a faulty one need not end it all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from ..errors import AudioError, DataError, InferenceError

FAULTS = (AudioError, DataError, InferenceError)
"""Errors that concern one recording. Any other error would occur with every recording."""


class Named(Protocol):
    """Something with a name."""

    @property
    def name(self) -> str: ...


Item = TypeVar("Item", bound=Named)
Answer = TypeVar("Answer")


class Batch(Generic[Item]):
    """Recordings that pass through a function one by one.

        batch = Batch(recordings(["calls/"]), check=Recording.seconds, skip_faulty=True)
        for item, transcript in batch.answers(partial(transcribe, model)):
            print(item.name, transcript.text)
        for fault in batch.faults:
            print("left out:", fault)

    Args:
        items: the recordings.
        check: raises an error if the header of a recording shows a fault. All recordings are checked here.
        skip_faulty: leave out faulty recordings and keep the reasons in `faults`; otherwise the first fault is raised.

    Attributes:
        items: the recordings that are not known to be faulty.
        faults: one line for each recording that was left out.

    Raises:
        AudioError, DataError: the first faulty recording, unless ``skip_faulty``.
    """

    def __init__(self, items: Iterable[Item], check: Callable[[Item], object], *, skip_faulty: bool = False):
        self.skip_faulty, self.faults = skip_faulty, list[str]()
        self.items: Sequence[Item] = [item for item, _ in self._each(items, check)]

    def answers(self, function: Callable[[Item], Answer]) -> Iterator[tuple[Item, Answer]]:
        """Each recording with what ``function`` returns for it.

        Raises:
            AudioError, DataError, InferenceError: the first faulty recording, unless ``skip_faulty``.
        """
        return self._each(self.items, function)

    def _each(self, items: Iterable[Item], function: Callable[[Item], Answer]) -> Iterator[tuple[Item, Answer]]:
        for item in items:
            try:
                answer = function(item)
            except FAULTS as fault:
                if not self.skip_faulty:
                    raise
                self.faults.append(str(fault) if item.name in str(fault) else f"{item.name}: {fault}")
                continue
            yield item, answer

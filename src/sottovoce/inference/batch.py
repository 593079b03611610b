"""Many recordings through one model: what headers tell is known before the first is heard, and a fault need not be the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from ..errors import AudioError, DataError, InferenceError

FAULTS = (AudioError, DataError, InferenceError)
"""What one recording can be at fault with. Anything else would happen to all of them."""


class FaultyRecording(UserWarning):
    """A recording was left out, because it cannot be heard."""


class Named(Protocol):
    """What can be heard has a name."""

    @property
    def name(self) -> str: ...


Item = TypeVar("Item", bound=Named)
Answer = TypeVar("Answer")


class Batch(Generic[Item]):
    """Recordings that are heard one by one.

        def hear(item):
            with item.file() as file:
                return transcribe(model, file, channel=item.channel)

        batch = Batch(recordings(["calls/"]), check=Recording.seconds, skip_faulty=True)
        for item, found in batch.heard(hear):
            print(item.name, found.text)
        for fault in batch.faults:
            print("left out:", fault)

    Args:
        items: what is to be heard.
        check: raises where the header of one shows a fault. All of them are checked here.
        skip_faulty: leave out what is faulty, and keep why in `faults`; without, the first fault is raised.

    Attributes:
        items: those that are not known to be faulty.
        faults: one line for each that was left out.

    Raises:
        AudioError, DataError: of the first faulty recording, unless ``skip_faulty``.
    """

    def __init__(self, items: Iterable[Item], check: Callable[[Item], object], *, skip_faulty: bool = False):
        self.skip_faulty, self.faults = skip_faulty, list[str]()
        self.items: Sequence[Item] = [item for item, _ in self._each(items, check)]

    def heard(self, hear: Callable[[Item], Answer]) -> Iterator[tuple[Item, Answer]]:
        """Each recording with what ``hear`` makes of it.

        Raises:
            AudioError, DataError, InferenceError: of the first faulty recording, unless ``skip_faulty``.
        """
        return self._each(self.items, hear)

    def _each(self, items: Iterable[Item], work: Callable[[Item], Answer]) -> Iterator[tuple[Item, Answer]]:
        for item in items:
            try:
                found = work(item)
            except FAULTS as fault:
                if not self.skip_faulty:
                    raise
                self.faults.append(str(fault) if item.name in str(fault) else f"{item.name}: {fault}")
                continue
            yield item, found

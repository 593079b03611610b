"""A folder that one process at a time fills; what is finished is renamed out of it, so that nothing is seen half-made."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from .locks import held


@contextlib.contextmanager
def exclusive(place: Path) -> Iterator[Path]:
    """An empty folder inside ``place``, which nobody else has: another process that asks for ``place`` waits.

        place/.lock      locked while this process is at work
        place/new/       what it is given; to be renamed, as a whole or in parts

    At the end, ``place`` is gone. What a process left that was killed is removed by the next one. Whoever had to wait
    finds the result of the other, and should look for it first.

    Args:
        place: a name that nothing else uses, beside what is made.

    Raises:
        OSError: it cannot be written.
    """
    work, lock = place / "new", place / ".lock"
    with contextlib.ExitStack() as stack:
        while True:
            try:
                place.mkdir(parents=True, exist_ok=True)
                stack.enter_context(held(lock))
                break
            except (FileNotFoundError, FileExistsError):  # the process before has just removed its folder
                if place.is_file():
                    raise
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            yield work
        finally:
            # In this order: once the lock is gone, all in ``place`` may belong to the next process.
            shutil.rmtree(work, ignore_errors=True)
            lock.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                place.rmdir()

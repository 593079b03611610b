"""One process at a time: a lock on a file that the system lets go of when its process ends, however it ends."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from filelock import FileLock, Timeout

OWNER = ".owner"
"""Ending of the note that says who holds a lock."""


@contextmanager
def held(path: Path, *, busy: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock ``path`` while the block runs; whoever has it before is waited for.

    What a process left that was killed is no lock. The file stays.

    Args:
        path: of the lock, in a folder that exists.
        busy: is told who has it where one has to wait; it may raise instead. Without, nobody is told who has it.

    Raises:
        OSError: it cannot be written.
    """
    lock = FileLock(path, poll_interval=0.02)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if busy is not None:
            busy(_owner(path))
        lock.acquire()
    try:
        with _noted(path) if busy is not None else nullcontext():
            yield
    finally:
        lock.release()


@contextmanager
def _noted(path: Path) -> Iterator[None]:
    """Say beside a lock who has it."""
    note = path.with_name(path.name + OWNER)
    said = {"process": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    with suppress(OSError):  # for people; the lock holds without
        note.write_text(json.dumps(said, allow_nan=False), encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            note.unlink()


def _owner(path: Path) -> str:
    """Who has a lock, as a person says it."""
    try:
        said = json.loads(path.with_name(path.name + OWNER).read_text(encoding="utf-8"))
        return f"process {said['process']} on {said['host']}, since {said['since']}"
    except (OSError, ValueError, LookupError, TypeError):  # JSON of any shape, or cut off
        return "another process"

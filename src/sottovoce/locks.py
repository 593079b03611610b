"""One process at a time: locks on files, which the system releases when their process ends, even if it is killed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

from filelock import FileLock, Timeout

OWNER = ".owner"
"""Ending of the file beside a lock that names the process which holds it."""


@contextmanager
def hold_lock(path: Path, *, busy: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock ``path`` while the block runs, after waiting for the process that holds it.

    A lock that a killed process left behind does not count. The file of the lock stays.

    Args:
        path: The file of the lock, in a folder that exists.
        busy: Called with the name of the process that holds the lock, before waiting for it; it may raise instead.
            Without it, the owner of the lock is not written down.

    Raises:
        OSError: The lock cannot be written.
    """
    lock = FileLock(path, poll_interval=0.02)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if busy is not None:
            busy(_owner(path))
        lock.acquire()
    try:
        with _owner_written(path) if busy is not None else nullcontext():
            yield
    finally:
        lock.release()


@contextmanager
def exclusive_folder(place: Path) -> Iterator[Path]:
    """An empty folder inside ``place`` for this process alone: another process that asks for ``place`` waits.

        place/.lock      locked while this process works
        place/new/       the folder that is returned; what is finished is renamed out of it

    At the end ``place`` is removed, as is whatever a killed process left in it. A process that had to wait should look
    first whether the other one has already made what it wants.

    Args:
        place: A path that nothing else uses, on the same disk as the result.

    Raises:
        OSError: The folder cannot be written.
    """
    work, lock = place / "new", place / ".lock"
    with ExitStack() as stack:
        while True:
            try:
                place.mkdir(parents=True, exist_ok=True)
                stack.enter_context(hold_lock(lock))
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
            with suppress(OSError):
                place.rmdir()


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder for this process alone that becomes ``path`` when the block ends without an error.

    A process that had to wait for another finds its ``path`` there: if the block writes nothing, ``path`` is left alone.

    Args:
        path: The folder to make; it is missing or empty.

    Raises:
        OSError: The folder cannot be written.
    """
    with exclusive_folder(path.with_name(f".{path.name}.partial")) as work:
        yield work
        if any(work.iterdir()):
            if path.is_dir():
                path.rmdir()  # it is empty
            work.rename(path)


@contextmanager
def _owner_written(path: Path) -> Iterator[None]:
    """Write beside a lock which process holds it, for as long as the block runs."""
    file = path.with_name(path.name + OWNER)
    owner = {"process": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    with suppress(OSError):  # only people read it; the lock works without
        file.write_text(json.dumps(owner, allow_nan=False), encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()


def _owner(path: Path) -> str:
    """The process that holds a lock, in words."""
    try:
        owner = json.loads(path.with_name(path.name + OWNER).read_text(encoding="utf-8"))
        return f"process {owner['process']} on {owner['host']}, since {owner['since']}"
    except (OSError, ValueError, LookupError, TypeError):  # JSON of any structure, or cut off
        return "another process"

"""Runs a recipe in a process of its own, which kills itself with SIGKILL in the midst of its writing."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A server that has imported everything once and forks for each run: a fresh process in milliseconds.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["sottovoce.runs.compression", "killed"])


def run(recipe: Path, directory: Path, *, kill_at: int | None = None, after: float | None = None) -> bool:
    """Carry out a recipe in a new process; whether it came to its end.

    Args:
        recipe, directory: as `compress` takes them.
        kill_at: the process kills itself at its n-th durable event: before or after a rename, a flush, a deletion, or
            half way through the writing of a file.
        after: it is killed after so many seconds.
    """
    process = _CONTEXT.Process(target=_carry_out, args=(str(recipe), str(directory), kill_at))
    process.start()
    process.join(after)
    if process.exitcode is None:
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the run ended with {process.exitcode}")
    return process.exitcode == 0


def _carry_out(recipe: str, directory: str, kill_at: int | None) -> None:
    from rich.console import Console

    from sottovoce.runs.compression import compress

    if kill_at is not None:
        _die_at(kill_at)
    with open(os.devnull, "w") as nowhere:
        compress(recipe, directory, console=Console(file=nowhere))


def _die_at(number: int) -> None:
    """Replace the functions by which files become durable with ones that count, and kill at the n-th count."""
    count = 0

    def event() -> None:
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            event()
            result = function(*args, **kwargs)
            event()
            return result

        return wrapped

    def half(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(path: int, *args: Any, **kwargs: Any) -> Any:
            # The file is cut in half for the moment of the kill.
            size = os.fstat(path).st_size
            if count + 1 == number:
                os.truncate(f"/proc/self/fd/{path}", size // 2)
            event()
            return function(path, *args, **kwargs)

        return wrapped

    os.fsync = half(os.fsync)
    os.replace = around(os.replace)
    os.unlink = around(os.unlink)

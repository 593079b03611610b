"""Time and memory of a computation, measured so that two of them can be compared on a machine that does other things.

Runs alternate, so that a slow minute hits both; medians, because one interruption must not move the result; and the
smallest and largest time are always kept beside the median, so that a reader sees how quiet the machine was.

    round   1     2     3     4
            A B   B A   A B   B A        each pair is also one paired comparison
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

Run = Callable[[], Any]


@dataclass(frozen=True)
class Spread:
    """Milliseconds of repeated runs: median, smallest and largest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.1f} ({self.low:.1f}–{self.high:.1f})"


def alternate(
    runs: Mapping[str, Run],
    *,
    repeats: int = 10,
    warmup: int = 2,
    device: str | torch.device = "cpu",
    progress: Callable[[], None] | None = None,
) -> dict[str, list[float]]:
    """Milliseconds of each run, round by round; the order turns round every time.

    Args:
        runs: name -> what to time.
        repeats: rounds that count.
        warmup: rounds before them that do not.
        device: an accelerator is waited for before and after each run.
        progress: called after every round.
    """
    device = torch.device(device)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(-warmup, repeats):
        for name in list(runs) if turn % 2 == 0 else reversed(list(runs)):
            spent = milliseconds(runs[name], device)
            if turn >= 0:
                times[name].append(spent)
        if progress is not None:
            progress()
    return times


def milliseconds(run: Run, device: torch.device) -> float:
    """Wall time of one run, the accelerator's work included."""
    _finish(device)
    start = time.perf_counter()
    run()
    _finish(device)
    return (time.perf_counter() - start) * 1e3


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_bytes(run: Run, device: str | torch.device = "cpu") -> int | None:
    """Memory that a run needs beyond what was held before it.

    On CUDA what the allocator handed out; on Linux the largest resident set of the process, with everything that the
    libraries underneath use; elsewhere None, because no counter there can be reset.
    """
    device = torch.device(device)
    if device.type == "cuda":
        _finish(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        _finish(device)
        return torch.cuda.max_memory_allocated(device) - before
    _return_free_memory()
    if not _reset_high_water():
        return None
    before = _status_bytes("VmRSS")
    run()
    return max(_status_bytes("VmHWM") - before, 0)


def resident_peak(run: Run) -> int | None:
    """The largest resident set of the process while it runs: what a machine has to have. None where no counter tells."""
    _return_free_memory()
    if not _reset_high_water():
        return None
    run()
    return _status_bytes("VmHWM")


def _return_free_memory() -> None:
    # Memory that was freed but is still held by the process would hide what the run needs.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if Path("/proc/self").exists() else None
    if trim is not None:
        trim(0)


def _reset_high_water() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status_bytes(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {key}")


@contextmanager
def threads(count: int | None):
    """Let torch use this many threads inside; None leaves things as they are."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

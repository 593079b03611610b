"""Wall time of computations, measured so that they can be compared on a machine that also does other things.

The computations run in turn, so that a slow minute hits all of them. Their medians are compared, because one interruption
must not move the result. The smallest and the largest time stay beside the median, so that a reader sees how quiet the
machine was.

    round   1     2     3     4
            A B   B A   A B   B A        each pair is also one paired comparison
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch

Run = Callable[[], object]
"""A computation without arguments; what it returns is thrown away."""


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of repeated measurements, such as milliseconds of runs."""

    median: float
    low: float
    high: float

    @classmethod
    def from_values(cls, values: list[float]) -> Spread:
        """The spread of at least one value."""
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
    """Milliseconds of each computation, round by round. The order is reversed in every other round.

    Args:
        runs: the computations to time, by name.
        repeats: number of rounds that count.
        warmup: number of rounds before them that do not count.
        device: an accelerator is waited for before and after each run.
        progress: called after every round.

    Returns:
        ``repeats`` times of each computation, by name, in the order of the rounds.
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
    _wait(device)
    start = time.perf_counter()
    run()
    _wait(device)
    return (time.perf_counter() - start) * 1e3


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Let torch use ``count`` threads inside; ``None`` changes nothing."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""Alternating runs, medians, and memory."""

from __future__ import annotations

import time

import pytest
import torch

from sottovoce.profiling.measure import Spread, alternate, peak_bytes, threads


def test_runs_alternate_and_the_warm_up_does_not_count():
    seen = []
    runs = {name: (lambda name=name: seen.append(name)) for name in "abc"}
    times = alternate(runs, repeats=3, warmup=2)
    assert "".join(seen) == "abccba" + "abccba" + "abc"
    assert {name: len(values) for name, values in times.items()} == {"a": 3, "b": 3, "c": 3}


def test_times_are_those_of_each_run():
    times = alternate({"slow": lambda: time.sleep(0.03), "quick": lambda: None}, repeats=3, warmup=0)
    assert min(times["slow"]) >= 30
    assert min(times["quick"]) < min(times["slow"])


def test_progress_is_told_of_every_round():
    rounds = []
    alternate({"a": lambda: None}, repeats=3, warmup=2, progress=lambda: rounds.append(1))
    assert len(rounds) == 5


def test_spread_is_median_and_extremes():
    assert Spread.of([5.0, 1.0, 2.0, 100.0]) == Spread(3.5, 1.0, 100.0)


def test_peak_memory_is_what_a_run_touches_beyond_what_was_held():
    megabytes = 96
    held = torch.ones(32 << 18)  # 32 MB that are there before

    def run():
        made = torch.ones(megabytes << 18)
        return float(made.sum() + held.sum())

    peak = peak_bytes(run)
    if peak is None:
        pytest.skip("this system has no resettable counter of peak memory")
    assert (megabytes - 2) << 20 <= peak < (megabytes + 24) << 20  # the kernel counts in batches of pages
    assert peak_bytes(lambda: None) < 8 << 20


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before

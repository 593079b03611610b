"""Alternating runs and their medians."""

from __future__ import annotations

import time

import torch

from sottovoce.profiling.timing import Spread, alternate, threads


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
    assert Spread.from_values([5.0, 1.0, 2.0, 100.0]) == Spread(3.5, 1.0, 100.0)


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before

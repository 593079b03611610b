"""Peak memory of a computation."""

from __future__ import annotations

import pytest
import torch

from sottovoce.profiling.memory import peak_bytes


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

"""Under what conditions networks are measured."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..quantities import Seconds


@dataclass(frozen=True)
class BenchmarkSettings:
    """Under what conditions networks are measured.

    Args:
        seconds: length of an utterance.
        batch: number of utterances at once.
        threads: threads of torch on the processor; ``None`` leaves the number as it is.
        dtype: of weights and inputs: ``float32``, ``bfloat16`` or ``float16``.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        repeats: number of rounds; every network runs once a round.
    """

    seconds: Seconds = 8.0
    batch: int = 1
    threads: int | None = 2
    dtype: str = "float32"
    device: str = "cpu"
    repeats: int = 10

    @property
    def torch_dtype(self) -> torch.dtype:
        dtype: torch.dtype = getattr(torch, self.dtype)
        return dtype

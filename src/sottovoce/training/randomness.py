"""Every random choice of a run as a function of (seed, stage, step, rank), so that a resumed run repeats it."""

from __future__ import annotations

import hashlib

import torch


def seed_of(*place: int | str) -> int:
    """A 63-bit seed that depends only on the parts of ``place``, not on process or platform.

    >>> seed_of(0, "prune", 7) == seed_of(0, "prune", 7), seed_of(0, "prune", 7) == seed_of(0, "prune", 8)
    (True, False)
    """
    text = "\x1f".join(str(part) for part in place)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def begin_step(seed: int, stage: str, micro_step: int, rank: int) -> None:
    """Seed torch's generators for one forward and backward pass, so that dropout and masks do not depend on earlier steps."""
    torch.manual_seed(seed_of(seed, stage, micro_step, rank))


def gate_seed(seed: int, stage: str, step: int) -> int:
    """The seed of the gates in a step. It is the same on every rank, and in every micro-step of an accumulated step."""
    return seed_of(seed, stage, "gates", step)

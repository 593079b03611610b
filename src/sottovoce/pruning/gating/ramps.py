"""How the target sparsity rises during pruning: the fraction of the way (0 to 1) as a function of the fraction of time."""

from __future__ import annotations

import math
from collections.abc import Callable

Ramp = Callable[[float], float]
"""A function that rises from 0 at 0 to 1 at 1."""

STEEPNESS = 10.0
"""Steepness of the sigmoid ramp, which is cut at ``±STEEPNESS / 2`` and scaled to reach 0 and 1 exactly."""


def linear(x: float) -> float:
    """Constant speed."""
    return x


def cosine(x: float) -> float:
    """Slow at the start and at the end."""
    return 0.5 * (1 - math.cos(math.pi * x))


def quadratic_slow_start(x: float) -> float:
    """Slow at the start, fast at the end: ``x²``, which WeDefense's configurations call exponential."""
    return x**2


def quadratic_fast_start(x: float) -> float:
    """Fast at the start, slow at the end: ``1 - (1 - x)²``, because the last elements are the hardest to remove."""
    return 1 - (1 - x) ** 2


def sigmoid(x: float) -> float:
    """Slow at the start and at the end, steep in the middle.

    WeDefense's is the logistic function itself, which begins at 0.0067 and jumps from 0.9933 to 1.
    """
    low, high = _logistic(-STEEPNESS / 2), _logistic(STEEPNESS / 2)
    return (_logistic(STEEPNESS * (x - 0.5)) - low) / (high - low)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


RAMPS: dict[str, Ramp] = {
    "linear": linear,
    "cosine": cosine,
    "quadratic_slow_start": quadratic_slow_start,
    "quadratic_fast_start": quadratic_fast_start,
    "sigmoid": sigmoid,
}


def ramp_at(ramp: Ramp, step: int, steps: int, start: float, end: float) -> float:
    """The target at ``step`` of a ramp that rises from ``start`` to ``end`` within ``steps`` steps.

    >>> [round(ramp_at(linear, step, 4, 0.1, 0.9), 3) for step in (0, 2, 4, 100)]
    [0.1, 0.5, 0.9, 0.9]
    """
    x = 1.0 if steps <= 0 else min(max(step / steps, 0.0), 1.0)
    return start + (end - start) * ramp(x)

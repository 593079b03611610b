"""How the target sparsity rises while pruning: fraction of the way gone (0..1) as a function of fraction of the time."""

from __future__ import annotations

import math
from collections.abc import Callable

Ramp = Callable[[float], float]
"""Rises from 0 at 0 to 1 at 1, and stays there."""

STEEPNESS = 10.0
"""Of the sigmoid ramp: it is cut at ``±STEEPNESS / 2`` and stretched to reach 0 and 1 exactly."""


def linear(x: float) -> float:
    return x


def cosine(x: float) -> float:
    """Slow start, slow end."""
    return 0.5 * (1 - math.cos(math.pi * x))


def quadratic(x: float) -> float:
    """Fast start, slow end: ``1 - (1 - x)²``, as most is easy to remove and the last bit is not."""
    return 1 - (1 - x) ** 2


def sigmoid(x: float) -> float:
    """Slow start, steep middle, slow end."""
    low, high = _logistic(-STEEPNESS / 2), _logistic(STEEPNESS / 2)
    return (_logistic(STEEPNESS * (x - 0.5)) - low) / (high - low)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


RAMPS: dict[str, Ramp] = {"linear": linear, "cosine": cosine, "quadratic": quadratic, "sigmoid": sigmoid}


def ramp_at(ramp: Ramp, step: int, steps: int, start: float, end: float) -> float:
    """Target at ``step`` of a ramp that takes ``steps`` steps from ``start`` to ``end``.

    >>> [round(ramp_at(linear, step, 4, 0.1, 0.9), 3) for step in (0, 2, 4, 100)]
    [0.1, 0.5, 0.9, 0.9]
    """
    x = 1.0 if steps <= 0 else min(max(step / steps, 0.0), 1.0)
    return start + (end - start) * ramp(x)

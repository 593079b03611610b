"""Learning-rate schedules of the weights, as a factor for every step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

Decay = Literal["constant", "linear", "cosine"]


def schedule(steps: int, *, warmup: int = 0, decay: Decay = "cosine", final: float = 0.0) -> Callable[[int], float]:
    """Factor of the learning rate at each step: rises linearly over ``warmup`` steps, then decays to ``final``.

    Args:
        steps: number of steps of the stage.
        warmup: steps until the full rate is reached.
        decay: shape of the decay after the warm-up.
        final: factor at the last step.

    >>> rate = schedule(10, warmup=2, decay="linear")
    >>> [round(rate(step), 2) for step in (0, 1, 2, 6, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        x = min((step - warmup) / max(steps - warmup, 1), 1.0)
        if decay == "constant":
            return 1.0
        fall = 1 - x if decay == "linear" else 0.5 * (1 + math.cos(math.pi * x))
        return final + (1 - final) * fall

    return factor

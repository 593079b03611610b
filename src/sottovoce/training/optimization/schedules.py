"""Learning-rate schedules of the weights: the factor of the peak rates as a function of the step, from 0.

    constant  1 ┌────────     linear  ╱╲        cosine  ╱‾╲       exponential  ╱╲_       stairs  ┌─┐          restarts  ╱‾╲ ╱╲
              ──┘                    ╱  ╲              ╱   ╲__                ╱   ‾‾‾            ┘ └──┐               ╱   ╳  ╲

Each function makes one. ``warmup`` is the number of steps until the peak.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

Rate: TypeAlias = Callable[[int], float]
"""Factor of the peak learning rates at a step."""


def constant(*, warmup: int = 0) -> Rate:
    """A linear rise, then 1."""
    return lambda step: min((step + 1) / warmup, 1.0) if warmup else 1.0


def linear(steps: int, *, warmup: int = 0, final: float = 0.0) -> Rate:
    """A linear rise, then a linear fall to ``final`` at the end of ``steps`` (DPHuBERT's, whose fall begins a step earlier).

    >>> rate = linear(10, warmup=2)
    >>> [round(rate(step), 2) for step in (0, 1, 2, 6, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    return _falling(steps, warmup, final, lambda x: 1 - x)


def cosine(steps: int, *, warmup: int = 0, final: float = 0.0) -> Rate:
    """A linear rise, then half a cosine down to ``final`` at the end of ``steps``, and ``final`` from there on.

    With fewer steps than the stage has, the last part is flat: w2v-BERT-2.0_SV's `WarmupCosineScheduler`.
    """
    return _falling(steps, warmup, final, lambda x: 0.5 * (1 + math.cos(math.pi * x)))


def _falling(steps: int, warmup: int, final: float, fall: Callable[[float], float]) -> Rate:
    rise = constant(warmup=warmup)

    def rate(step: int) -> float:
        if step < warmup:
            return rise(step)
        return final + (1 - final) * fall(min((step - warmup) / max(steps - warmup, 1), 1.0))

    return rate


def exponential(steps: int, *, warmup: int = 0, final: float) -> Rate:
    """WeDefense's `ExponentialDecrease` that warms up from zero: it falls from the first step on, during the rise as well.

        min(step / warmup, 1) * final^(step / steps)

    Args:
        steps: steps after which the factor is ``final``.
        warmup: steps of the rise, which begins at 0.
        final: more than 0.
    """
    return lambda step: (min(step / warmup, 1.0) if warmup else 1.0) * final ** (step / steps)


def stairs(*, warmup: int = 0, stair: int = 1, every: int, factor: float = 0.1) -> Rate:
    """w2v-BERT-2.0_SV's `WarmupLR_withStepDecay`: times ``factor`` every so many steps, after a rise in stairs.

    Args:
        warmup: steps of the rise.
        stair: steps for which the rate stays the same: an epoch where the authors' schedule is one of epochs.
        every: steps between two falls.
        factor: factor of the rate at each fall.
    """
    rising, falling = -(-warmup // stair), max(every // stair, 1)

    def rate(step: int) -> float:
        at = step // stair
        return (at + 1) / (rising + 1) if at < rising else factor ** ((at - rising) // falling)

    return rate


def restarts(*, warmup: int = 0, cycle: int, growth: float = 1.0, peak: float = 1.0, final: float = 0.0) -> Rate:
    """ESPnet's `CosineAnnealingWarmupRestarts`: in every cycle a linear rise from ``final``, then half a cosine down to it.

    Args:
        warmup: steps of the rise in each cycle.
        cycle: steps of the first cycle, more than ``warmup``.
        growth: factor of the steps after the rise, from each cycle to the next (their ``cycle_mult``).
        peak: factor of the peak from each cycle to the next (their ``gamma``).
        final: the lowest rate, as a factor of the first peak (their ``min_lr / max_lr``).
    """

    def rate(step: int) -> float:
        length, high = cycle, 1.0
        while step >= length:
            step -= length
            length = int((length - warmup) * growth) + warmup
            high *= peak
        high -= final
        if step < warmup:
            return final + high * step / warmup
        return final + high * (1 + math.cos(math.pi * (step - warmup) / (length - warmup))) / 2

    return rate

"""The learning-rate schedule of a training stage: how the rates fall after the warm-up."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from pydantic import Field

from ...options import OneOf, Options, one_of
from ...training.optimization.schedules import Rate, constant, cosine, exponential, linear, restarts, stairs
from ..amounts import MOST_STEPS


class DecayOptions(Options):
    """Options of one kind of decay, see `sottovoce.training.optimization.schedules`."""

    @abstractmethod
    def rate(self, steps: int, warmup: int) -> Rate:
        """The factor of the peak rates at each step.

        Args:
            steps: steps of the stage.
            warmup: steps until the peak.
        """

    def problems(self, warmup: int) -> Iterator[str]:
        """What does not go together with a warm-up of so many steps."""
        return iter(())


class Constant(DecayOptions):
    """The peak rates to the end."""

    def rate(self, steps: int, warmup: int) -> Rate:
        return constant(warmup=warmup)


class Linear(DecayOptions):
    """A linear fall.

    Args:
        final: factor of the rates at the last step.
    """

    final: float = Field(0.0, ge=0, le=1)

    def rate(self, steps: int, warmup: int) -> Rate:
        return linear(steps, warmup=warmup, final=self.final)


class Cosine(DecayOptions):
    """Half a cosine.

    Args:
        final: factor of the rates at the end of the fall.
        steps: step at which the fall ends and the rates stay; default: the last.
    """

    final: float = Field(0.0, ge=0, le=1)
    steps: int | None = Field(None, ge=1, le=MOST_STEPS)

    def rate(self, steps: int, warmup: int) -> Rate:
        return cosine(min(self.steps or steps, steps), warmup=warmup, final=self.final)

    def problems(self, warmup: int) -> Iterator[str]:
        if self.steps is not None and self.steps <= warmup:
            yield f"decay.cosine.steps: the fall ends at step {self.steps}, within the warm-up of {warmup}; take more"


class Exponential(DecayOptions):
    """An exponential fall that begins with the first step; the warm-up begins at 0 and is a factor of it (WeDefense).

    Args:
        final: factor of the rates at the last step.
    """

    final: float = Field(gt=0, le=1)

    def rate(self, steps: int, warmup: int) -> Rate:
        return exponential(steps, warmup=warmup, final=self.final)


class Stairs(DecayOptions):
    """A fall in stairs, after a warm-up in stairs (w2v-BERT-2.0_SV: times 0.1 every five epochs).

    Args:
        every: steps between two falls; a multiple of ``stair``.
        factor: factor of the rates at each fall.
        stair: steps for which rates stay the same, such as an epoch.
    """

    every: int = Field(ge=1, le=MOST_STEPS)
    factor: float = Field(0.1, gt=0, le=1)
    stair: int = Field(1, ge=1, le=MOST_STEPS)

    def rate(self, steps: int, warmup: int) -> Rate:
        return stairs(warmup=warmup, stair=self.stair, every=self.every, factor=self.factor)

    def problems(self, warmup: int) -> Iterator[str]:
        if self.every % self.stair:
            yield f"decay.stairs.every: {self.every} steps are no multiple of a stair of {self.stair}"


class Restarts(DecayOptions):
    """Cosine annealing with warm restarts, each with its own warm-up (ESPnet).

    Args:
        cycle: steps of the first cycle, its warm-up included.
        growth: factor of a cycle's length after the warm-up, from each to the next (``cycle_mult`` in ESPnet).
        peak: factor of the peak rates from each cycle to the next (``gamma``).
        final: factor of the rates at the start and end of each cycle (``min_lr / max_lr``).
    """

    cycle: int = Field(ge=1, le=MOST_STEPS)
    growth: float = Field(1.0, ge=1, le=1_000)
    peak: float = Field(1.0, gt=0, le=1)
    final: float = Field(0.0, ge=0, le=1)

    def rate(self, steps: int, warmup: int) -> Rate:
        return restarts(warmup=warmup, cycle=self.cycle, growth=self.growth, peak=self.peak, final=self.final)

    def problems(self, warmup: int) -> Iterator[str]:
        if self.cycle <= warmup:
            yield f"decay.restarts.cycle: {self.cycle} steps leave nothing after the warm-up of {warmup}; take more"


@one_of(
    {
        "constant": Constant,
        "linear": Linear,
        "cosine": Cosine,
        "exponential": Exponential,
        "stairs": Stairs,
        "restarts": Restarts,
    }
)
class Decay(OneOf[DecayOptions]):
    """How the rates fall after the warm-up: a name (``decay: linear``), or one with options
    (``decay: {cosine: {final: 0.1}}``)."""


COSINE = Decay.model_validate("cosine")
"""The default: half a cosine, down to 0 at the last step."""

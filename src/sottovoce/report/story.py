"""What a report tells: plain values, gathered from a run and drawn by `sottovoce.report.page`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sottovoce.deployment.bench import Benchmark
from sottovoce.report.anatomy import Row


@dataclass(frozen=True)
class Estimate:
    """A measured value and the bounds of its interval, as fractions or plain numbers."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Metric:
    """One score of the task for several models.

    Args:
        name: how people call it: ``EER``.
        of: model name -> estimate.
        better: ``lower`` or ``higher``.
        is_rate: shown in percent.
        protocol: what the number was measured on, and how.
    """

    name: str
    of: dict[str, Estimate]
    better: str = "lower"
    is_rate: bool = True
    protocol: str = ""


@dataclass(frozen=True)
class Curve:
    """A quantity over the steps of one stage."""

    stage: str
    name: str
    steps: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True)
class Proof:
    """The equality of the slim network with the frozen gated one: relative error of each output.

    Args:
        stage: where it was slimmed.
        errors: ``max|a-b| / max|b|`` by output.
        tolerance: what was allowed.
    """

    stage: str
    errors: Sequence[float]
    tolerance: float

    @property
    def worst(self) -> float:
        return max(self.errors, default=0.0)


@dataclass(frozen=True)
class Story:
    """Everything on the page of one run; what a run does not have is left out of the page.

    Args:
        title: of the run.
        summary: one line on what was done.
        speed: dense against slim: the last network is the dense one.
        speed_at_size: the same sparsity on a network of real size, with random weights.
        metrics: scores by model.
        rows: what remains of every layer.
        curves: what was logged.
        proofs: one for each slimming.
        environment: hardware, threads, versions.
        recipe: as written in the run.
    """

    title: str
    summary: str = ""
    created: str = ""
    speed: Benchmark | None = None
    speed_at_size: Benchmark | None = None
    metrics: Sequence[Metric] = ()
    rows: Sequence[Row] = ()
    curves: Sequence[Curve] = ()
    proofs: Sequence[Proof] = ()
    environment: dict[str, Any] = field(default_factory=dict)
    recipe: str = ""

    def curve(self, prefix: str) -> list[Curve]:
        """Curves whose name is ``prefix`` or begins with ``prefix/``."""
        return [c for c in self.curves if c.name == prefix or c.name.startswith(prefix + "/")]

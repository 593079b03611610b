"""The contents of a report: plain values, read from a run and drawn by `sottovoce.report.html_page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sottovoce.quantities import Seconds
from sottovoce.report.layer_rows import LayerRow

if TYPE_CHECKING:
    from sottovoce.metrics.detection.error_tradeoff import DET
    from sottovoce.profiling.benchmark import Benchmark


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
        of: stage -> estimate.
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
class Stage:
    """What one stage of a run ended with.

    Args:
        name: of the stage.
        params, macs: of its encoder, at ``seconds``.
        params_with_head: of the whole model.
        minutes: it took.
        equality: largest relative error between slim and gated network, where it slimmed.
    """

    name: str
    params: int
    params_with_head: int
    macs: float
    seconds: Seconds
    minutes: float | None = None
    equality: float | None = None


@dataclass(frozen=True)
class ReportData:
    """Everything on the page of one run; what a run does not have is left out of the page.

    Args:
        title: of the run.
        summary: one line on what was done.
        speed: dense against slim: the last network is the dense one.
        speed_at_size: the same sparsity on a network of real size, with random weights.
        source_at_size: where that network's shape comes from.
        stages: what every stage ended with.
        dense, slim: the stages whose models are compared.
        metrics: scores by stage.
        rows: what remains of every layer.
        curves: what was logged.
        trade_offs: test set -> stage -> misses against false alarms, of the compared stages.
        tolerance: largest error that slimming allows.
        environment: hardware, threads, versions.
        recipe: as written in the run.
    """

    title: str
    summary: str = ""
    created: str = ""
    speed: Benchmark | None = None
    speed_at_size: Benchmark | None = None
    source_at_size: str = ""
    stages: Sequence[Stage] = ()
    dense: str = ""
    slim: str = ""
    metrics: Sequence[Metric] = ()
    rows: Sequence[LayerRow] = ()
    curves: Sequence[Curve] = ()
    trade_offs: Mapping[str, Mapping[str, DET]] = field(default_factory=dict)
    tolerance: float = 0.0
    environment: dict[str, Any] = field(default_factory=dict)
    recipe: str = ""

    def curve(self, prefix: str) -> list[Curve]:
        """Curves whose name is ``prefix`` or begins with ``prefix/``."""
        return [c for c in self.curves if c.name == prefix or c.name.startswith(prefix + "/")]

    def stage(self, name: str) -> Stage | None:
        """The stage of that name."""
        return next((s for s in self.stages if s.name == name), None)

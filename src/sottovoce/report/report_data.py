"""The contents of a report: plain values, read from a run and drawn by `sottovoce.report.html_page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sottovoce.quantities import Seconds
from sottovoce.report.layer_rows import LayerRow

if TYPE_CHECKING:
    from sottovoce.metrics.detection.error_tradeoff import DET
    from sottovoce.profiling.benchmark import Benchmark


@dataclass(frozen=True)
class Estimate:
    """A measured value and the bounds of its interval. Rates are fractions, not percentages."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Metric:
    """One score of the task for several models.

    Args:
        name: name that is shown, such as ``EER``.
        of: the estimate of each stage, by the name of the stage.
        better: whether ``lower`` or ``higher`` values are better.
        is_rate: whether the values are fractions that are shown in percent.
        protocol: what the values were measured on, and how.
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
        name: name of the stage.
        params: parameters of the encoder.
        params_with_head: parameters of the whole model.
        macs: multiply-accumulates of the encoder for an utterance of ``seconds``.
        seconds: length of that utterance in seconds.
        minutes: how long the stage took, in minutes.
        equality: largest relative error between slim and gated network; ``None`` if the stage did not slim.
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
        title: name of the run.
        summary: the task, the stages and the compared models, in one line.
        created: date and time of the report.
        speed: time and memory of the slim and the dense network; the dense one comes last.
        speed_at_size: the same for a published slim shape of full size, with random weights.
        source_at_size: the publication that the slim shape of full size comes from.
        stages: the results of every finished stage.
        dense: name of the stage whose model is the dense one of the comparison.
        slim: name of the stage whose model is the result of the run.
        metrics: scores of the stages on every test set.
        rows: what remains of every layer.
        curves: logged quantities over the steps of the stages.
        trade_offs: DET curves of the two compared stages: test set -> stage -> curve.
        tolerance: largest relative error that slimming allows.
        environment: hardware, threads and versions.
        recipe: the recipe of the run as YAML text.
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
    environment: Mapping[str, str] = field(default_factory=dict)
    recipe: str = ""

    def curve(self, prefix: str) -> list[Curve]:
        """Curves whose name is ``prefix`` or begins with ``prefix/``."""
        return [c for c in self.curves if c.name == prefix or c.name.startswith(prefix + "/")]

    def stage(self, name: str) -> Stage | None:
        """The stage of that name."""
        return next((s for s in self.stages if s.name == name), None)

"""One self-contained HTML page for a run: it loads no other file and nothing from the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from sottovoce.profiling.benchmark import Benchmark, BenchmarkResult
from sottovoce.pruning.costs import human
from sottovoce.report.numbers import (
    FASTER,
    FEWER,
    byte_size,
    comparison,
    conditions,
    duration,
    percent,
    ratio_and_word,
    ratio_text,
    share_removed,
)
from sottovoce.report.pictures import training_curves as plots
from sottovoce.report.pictures.layer_picture import layers_svg
from sottovoce.report.report_data import Estimate, Metric, ReportData
from sottovoce.version import __version__


@dataclass(frozen=True)
class Cell:
    text: str
    note: str = ""


@dataclass(frozen=True)
class Line:
    """A table row for one quantity: a cell for each network, and how the first compares with the last."""

    name: str
    cells: Sequence[Cell]
    ratio: str = ""
    note: str = ""


@dataclass(frozen=True)
class SideBySide:
    """A table with one row for each `Line`. ``ratio_heading`` is the heading of the column of ratios."""

    columns: Sequence[str]
    rows: Sequence[Line]
    ratio_heading: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Tile:
    value: str
    label: str


def html(report: ReportData, pictures: Mapping[str, bytes]) -> str:
    """The page of a run as HTML text.

    Args:
        report: the contents of the report.
        pictures: the bytes of each PNG by its name, embedded for papers and slides. ``curves`` is also shown in place of
            the interactive plots where scripts are disabled.
    """
    loader = PackageLoader("sottovoce.report", "templates")
    pages = Environment(
        loader=loader, autoescape=select_autoescape(default=True), undefined=StrictUndefined, trim_blocks=True
    )
    axes = plots.plots_of_run(report)
    script, divs = plots.interactive_plots(axes) if axes else ("", [])
    return pages.get_template("page.html.j2").render(
        report=report,
        tiles=tiles(report),
        dense_and_slim=dense_and_slim(report),
        at_size=side_by_side(report.speed_at_size) if report.speed_at_size is not None else None,
        by_stage=by_stage(report),
        layer_picture=layers_svg(report.rows) if report.rows else "",
        plots=divs,
        script=script,
        library=plots.browser_code() if axes else "",
        pictures={name: plots.data_uri(png) for name, png in pictures.items()},
        version=__version__,
    )


def dense_and_slim(report: ReportData) -> SideBySide | None:
    """A table that compares the slim and the dense model of a run: cost, speed and scores."""
    if report.speed is None:
        return None
    table = side_by_side(report.speed)
    names = [r.name for r in report.speed.results]
    of_encoder = [stage.params for name in names if (stage := report.stage(name)) is not None]
    rows = [
        Line("Parameters of the encoder", [Cell(human(p)) for p in of_encoder], _less(of_encoder)),
        replace(table.rows[0], name="Parameters with the head"),
        *table.rows[1:],
        *(_score(metric, names) for metric in report.metrics),
    ]
    if len(names) == 1:
        return replace(table, rows=rows)
    columns = [f"slim (after {names[0]})", f"dense (after {names[1]})"]
    return replace(table, rows=rows, columns=columns, ratio_heading="slim against dense")


def by_stage(report: ReportData) -> SideBySide | None:
    """A table with one row for each stage: cost, scores and minutes. ``None`` if there are fewer than two stages."""
    if len(report.stages) < 2:
        return None
    first = report.stages[0]
    columns = ["encoder", f"MACs at {first.seconds:g} s", *(m.name for m in report.metrics), "minutes"]
    rows = [
        Line(
            stage.name,
            [
                Cell(human(stage.params), "" if stage.params == first.params else percent(stage.params / first.params)),
                Cell(human(stage.macs)),
                *(_estimate(m, m.of[stage.name]) if stage.name in m.of else Cell("–") for m in report.metrics),
                Cell("–" if stage.minutes is None else f"{stage.minutes:.1f}"),
            ],
        )
        for stage in report.stages
    ]
    return SideBySide(columns, rows, caption="; ".join(dict.fromkeys(m.protocol for m in report.metrics)))


def side_by_side(benchmark: Benchmark) -> SideBySide:
    """The measurements of a benchmark, one column for each network; the first is compared with the last."""
    results, setting = benchmark.results, benchmark.setting

    def line(name: str, of: Callable[[BenchmarkResult], float | None], show: Callable[[Any], str]) -> Line:
        return Line(name, [Cell(show(of(r))) for r in results], _less([of(r) for r in results]))

    rows = [
        line("Parameters", lambda r: r.params, human),
        line(f"Multiply-accumulates at {duration(setting.seconds, setting.batch)}", lambda r: r.macs, human),
        line("Size on disk", lambda r: r.file_bytes, byte_size),
        line("Peak memory", lambda r: r.memory_bytes, byte_size),
        Line(
            "Time",
            [
                Cell(f"{r.milliseconds.median:.1f} ms", f"{r.milliseconds.low:.1f} – {r.milliseconds.high:.1f}")
                for r in results
            ],
            ratio_text(results[0].speedup.median, FASTER) if len(results) > 1 else "",
            note="median, smallest – largest",
        ),
        Line("Real-time factor", [Cell(f"{r.real_time_factor:.4f}") for r in results]),
    ]
    columns = [r.name + (f" ({r.note})" if r.note else "") for r in results]
    heading = "first against last" if len(results) > 2 else " against ".join(columns) if len(results) > 1 else ""
    return SideBySide(columns, rows, heading, conditions(benchmark))


def _less(values: Sequence[float | None]) -> str:
    return comparison(values[-1], values[0]) if len(values) > 1 else ""


def _score(metric: Metric, names: Sequence[str]) -> Line:
    cells = [_estimate(metric, metric.of[name]) if name in metric.of else Cell("–") for name in names]
    return Line(metric.name, cells, note=metric.protocol)


def _estimate(metric: Metric, estimate: Estimate) -> Cell:
    scale, digits, sign = (100, 2, " %") if metric.is_rate else (1, 3, "")
    interval = ""
    if estimate.low is not None and estimate.high is not None:
        interval = f"{scale * estimate.low:.{digits}f} – {scale * estimate.high:.{digits}f}"
    return Cell(f"{scale * estimate.value:.{digits}f}{sign}", interval)


def tiles(report: ReportData) -> list[Tile]:
    """The result of the run in up to four numbers, for the top of the page; none if nothing was pruned or measured."""
    slim, dense = report.stage(report.slim), report.stage(report.dense)
    if slim is None or dense is None or slim is dense or report.speed is None:
        return []
    share, gone = share_removed(slim.params, dense.params)
    macs, fewer = ratio_and_word(dense.macs / slim.macs, FEWER)
    speed, faster = ratio_and_word(report.speed.results[0].speedup.median, FASTER)
    found = [
        Tile(share, f"of the encoder's {human(dense.params)} parameters {gone}"),
        Tile(macs, f"{fewer} multiply-accumulates in the encoder, at {slim.seconds:g} s"),
        Tile(speed, f"{faster}, measured"),
    ]
    for metric in report.metrics[:1]:
        if {slim.name, dense.name} <= metric.of.keys():
            now, then = (_estimate(metric, metric.of[s.name]).text for s in (slim, dense))
            found.append(Tile(now, f"{metric.name}, {then} before pruning"))
    return found

"""One HTML page for a run: everything in one file, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

import sottovoce
from sottovoce.deployment.bench import Benchmark, Result
from sottovoce.pruning.cost import human
from sottovoce.report import plots
from sottovoce.report.drawing import drawing
from sottovoce.report.numbers import octets
from sottovoce.report.story import Estimate, Metric, Story
from sottovoce.report.terminal import conditions


@dataclass(frozen=True)
class Cell:
    text: str
    note: str = ""


@dataclass(frozen=True)
class Line:
    """One quantity: a cell for each network, and how the first compares with the last."""

    name: str
    cells: Sequence[Cell]
    ratio: str = ""
    note: str = ""


@dataclass(frozen=True)
class SideBySide:
    """A table with a network a column. ``compared`` names the column of ratios."""

    columns: Sequence[str]
    rows: Sequence[Line]
    compared: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Tile:
    value: str
    label: str


def html(story: Story) -> str:
    """The page as text."""
    loader = PackageLoader("sottovoce.report", "templates")
    pages = Environment(
        loader=loader, autoescape=select_autoescape(default=True), undefined=StrictUndefined, trim_blocks=True
    )
    axes = plots.plots(story)
    script, divs = plots.interactive(axes) if axes else ("", [])
    return pages.get_template("page.html.j2").render(
        story=story,
        tiles=tiles(story),
        dense_and_slim=side_by_side(story.speed, story.metrics),
        at_size=side_by_side(story.speed_at_size),
        drawing=drawing(story.rows) if story.rows else "",
        plots=divs,
        script=script,
        library=plots.library() if axes else "",
        curves_png=plots.data_uri(plots.picture(axes)) if axes else "",
        version=sottovoce.__version__,
    )


def side_by_side(benchmark: Benchmark | None, metrics: Sequence[Metric] = ()) -> SideBySide | None:
    """What was measured, one network a column; the first is compared with the last."""
    if benchmark is None:
        return None
    results = benchmark.results
    first, last = results[0], results[-1]

    def line(name: str, of: Callable[[Result], float | None], show: Callable[[Any], str]) -> Line:
        now, then = of(first), of(last)
        ratio = f"{then / now:.1f}× less" if now and then and len(results) > 1 else ""
        return Line(name, [Cell(show(of(r))) for r in results], ratio)

    faster = f"{first.speedup.median:.1f}× faster" if len(results) > 1 else ""
    rows = [
        line("Parameters", lambda r: r.params, human),
        line("Multiply-accumulates", lambda r: r.macs, human),
        line("Size on disk", lambda r: r.file_bytes, octets),
        line("Peak memory", lambda r: r.memory_bytes, octets),
        Line(
            "Time",
            [
                Cell(f"{r.milliseconds.median:.1f} ms", f"{r.milliseconds.low:.1f} – {r.milliseconds.high:.1f}")
                for r in results
            ],
            faster,
            note="median, smallest – largest",
        ),
        Line("Real-time factor", [Cell(f"{r.real_time_factor:.4f}") for r in results]),
        *(_score(metric, [r.name for r in results]) for metric in metrics),
    ]
    columns = [r.name + (f" ({r.note})" if r.note else "") for r in results]
    compared = f"{first.name} against {last.name}" if len(results) > 1 else ""
    return SideBySide(columns, rows, compared, conditions(benchmark))


def _score(metric: Metric, names: Sequence[str]) -> Line:
    cells = [_estimate(metric, metric.of[name]) if name in metric.of else Cell("–") for name in names]
    return Line(metric.name, cells, note=metric.protocol)


def _estimate(metric: Metric, estimate: Estimate) -> Cell:
    scale, digits, sign = (100, 2, " %") if metric.is_rate else (1, 3, "")
    interval = ""
    if estimate.low is not None and estimate.high is not None:
        interval = f"{scale * estimate.low:.{digits}f} – {scale * estimate.high:.{digits}f}"
    return Cell(f"{scale * estimate.value:.{digits}f}{sign}", interval)


def tiles(story: Story) -> list[Tile]:
    """The outcome in four numbers."""
    found = []
    if story.speed is not None and len(story.speed.results) > 1:
        first, last = story.speed.results[0], story.speed.results[-1]
        found = [
            Tile(f"{100 * (1 - first.params / last.params):.1f} %", f"of {human(last.params)} parameters removed"),
            Tile(f"{last.macs / first.macs:.1f}×", "fewer multiply-accumulates"),
            Tile(f"{first.speedup.median:.1f}×", "faster, measured"),
        ]
        for metric in story.metrics[:1]:
            if first.name in metric.of and last.name in metric.of:
                now, then = (_estimate(metric, metric.of[name]).text for name in (first.name, last.name))
                found.append(Tile(now, f"{metric.name}, against {then} dense"))
    return found


def write_page(story: Story, path: Path) -> Path:
    """Write the page, whole or not at all."""
    from sottovoce.training.files import write_text

    write_text(path, html(story))
    return path

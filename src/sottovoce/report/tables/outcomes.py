"""The result of a run in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...pruning.costs import human
from ..numbers import FASTER, byte_size, comparison, conditions, duration, estimate_text, ratio_text
from ..report_data import ReportData

if TYPE_CHECKING:
    from ...profiling.benchmark import Benchmark


def outcome_table(report: ReportData) -> RenderableType:
    """The dense and the slim model of a run, and how they compare."""
    table = Table(title=report.title, title_justify="left", header_style="bold", pad_edge=False)
    table.add_column("")
    for column in ("dense", "slim", ""):
        table.add_column(column, justify="right")
    if report.speed is not None and len(report.speed.results) > 1:
        slim, dense = report.stage(report.slim), report.stage(report.dense)
        if slim is not None and dense is not None:
            fewer = comparison(dense.params, slim.params)
            table.add_row("parameters of the encoder", human(dense.params), human(slim.params), fewer)
        _add(table, report.speed, "parameters with the head")
        for metric in report.metrics:
            show = [estimate_text(metric.of.get(name), metric.is_rate) for name in (report.dense, report.slim)]
            table.add_row(metric.name, *show, "")
    if report.speed_at_size is not None:
        table.add_section()
        table.add_row("[bold]at real size, random weights: speed only[/bold]", "", "", "")
        table.add_row("network", report.speed_at_size.results[-1].name, report.speed_at_size.results[0].name, "")
        _add(table, report.speed_at_size, "parameters")
    notes = [m.protocol for m in report.metrics[:1]] + [conditions(b) for b in (report.speed,) if b is not None]
    return Group(table, Text("\n".join(notes), style="dim"))


def _add(table: Table, benchmark: Benchmark, parameters: str) -> None:
    slim, dense = benchmark.results[0], benchmark.results[-1]
    table.add_row(parameters, human(dense.params), human(slim.params), comparison(dense.params, slim.params))
    macs = f"MACs at {duration(benchmark.setting.seconds, benchmark.setting.batch)}"
    table.add_row(macs, human(dense.macs), human(slim.macs), comparison(dense.macs, slim.macs))
    sizes = dense.file_bytes, slim.file_bytes
    table.add_row("file", *map(byte_size, sizes), comparison(*sizes))
    times = [f"{r.milliseconds.median:.1f} ms" for r in (dense, slim)]
    table.add_row("time", *times, ratio_text(slim.speedup.median, FASTER))

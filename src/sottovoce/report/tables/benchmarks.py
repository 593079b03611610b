"""The networks of a benchmark side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...pruning.costs import human
from ..numbers import byte_size, conditions, duration, ratio_range

if TYPE_CHECKING:
    from ...profiling.benchmark import Benchmark


def bench_table(benchmark: Benchmark, title: str = "") -> RenderableType:
    """One row for each network of a benchmark, and the conditions of the measurement."""
    table = Table(title=title or None, title_justify="left", header_style="bold", pad_edge=False)
    table.add_column("network")
    macs = f"MACs at {duration(benchmark.setting.seconds, benchmark.setting.batch)}"
    for column in ("parameters", macs, "file", "peak memory", "ms median (min–max)", "RTF", "against the last"):
        table.add_column(column, justify="right")
    for result in benchmark.results:
        last = result is benchmark.results[-1]
        table.add_row(
            result.name + (f"\n[dim]{result.note}[/dim]" if result.note else ""),
            human(result.params),
            human(result.macs),
            byte_size(result.file_bytes),
            byte_size(result.memory_bytes),
            str(result.milliseconds),
            f"{result.real_time_factor:.4f}",
            "–" if last else ratio_range(result.speedup.median, result.speedup.low, result.speedup.high),
        )
    return Group(table, Text(conditions(benchmark), style="dim"))

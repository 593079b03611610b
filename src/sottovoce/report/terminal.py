"""What the terminal shows: the picture of a network, and the table of a benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sottovoce.encoder.unit_kinds import KINDS, kind_at
from sottovoce.pruning.costs import human
from sottovoce.report.inspection import Inspection, Layer
from sottovoce.report.layer_widths import Width
from sottovoce.report.numbers import FASTER, compared, duration, octets, percent, ranged, worded
from sottovoce.report.report_data import Estimate, ReportData

if TYPE_CHECKING:
    from sottovoce.profiling.bench import Benchmark

KEPT, GONE = "cyan", "bright_black"

_LABEL, _COUNT = 7, 5
_WORDS = _LABEL + 1 + _COUNT  # of one unit, without its bar
_SHORTEST, _LONGEST = 5, 24  # bars
_BESIDE = 42  # what stands beside the units: layer, params, share; and the heading of the MACs


def picture(inspection: Inspection, columns: int = 100) -> RenderableType:
    """A network as bars: one row a layer, one bar a unit, then parameters and MACs.

    Args:
        inspection: what to draw.
        columns: width of the terminal; bars grow and shrink with it.
    """
    total, original = inspection.total, inspection.original
    head = Text.assemble((inspection.name or "network", "bold"), f"  {total}")
    if original.params != total.params:
        kept = f"{percent(total.params / original.params)} of the parameters"
        head.append(f"\n{kept} and {percent(total.macs / original.macs)} of the MACs of the original remain", KEPT)
    macs = f"MACs at {total.seconds:g} s"
    room = columns - _BESIDE - len(macs)
    most = max((len(layer.widths) for layer in inspection.layers), default=1)
    abreast = max(1, min(most, room // (_WORDS + _SHORTEST)))
    bar = max(_SHORTEST, min(_LONGEST, room // abreast - _WORDS))
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("layer", no_wrap=True)
    table.add_column("what it holds", no_wrap=True)
    for column in ("params", macs):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("share of MACs", no_wrap=True)
    largest = max((layer.macs for layer in inspection.layers), default=1) or 1
    for layer in inspection.layers:
        table.add_row(
            layer.name,
            _units(layer, bar, abreast),
            human(layer.params),
            human(layer.macs),
            _bar(layer.macs / largest, 6) + Text(f" {percent(layer.macs / max(total.macs, 1)):>6}", style="dim"),
        )
    return Group(head, Text(), table)


def _units(layer: Layer, bar: int, abreast: int) -> Text:
    text = Text()
    for i, width in enumerate(layer.widths):
        text.append("\n" if i and i % abreast == 0 else "")
        text.append(f"{_short(width):<{_LABEL}}")
        text.append_text(_bar(width.fraction, bar))
        text.append(f" {width.kept:<{_COUNT}}", "" if width.kept else "red")
    return text


def _short(width: Width) -> str:
    kind = kind_at(width.path)
    return (KINDS[kind].short if kind is not None else "") or width.label


def _bar(fraction: float, length: int) -> Text:
    """A bar in eighths of a character; the part that is gone stays visible as a dotted line."""
    eighths = round(fraction * length * 8)
    if fraction > 0:
        eighths = max(eighths, 1)
    full, part = divmod(eighths, 8)
    done = "█" * full + ("▏▎▍▌▋▊▉"[part - 1] if part else "")
    return Text.assemble((done, KEPT), ("·" * (length - len(done)), GONE))


def bench_table(benchmark: Benchmark, title: str = "") -> RenderableType:
    """The networks of a benchmark, one a row, and the conditions under which they ran."""
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
            octets(result.file_bytes),
            octets(result.memory_bytes),
            str(result.milliseconds),
            f"{result.real_time_factor:.4f}",
            "–" if last else ranged(result.speedup.median, result.speedup.low, result.speedup.high),
        )
    return Group(table, Text(conditions(benchmark), style="dim"))


def outcome(story: ReportData) -> RenderableType:
    """How a run came out, in one table: the dense model, the slim one, and what that is worth."""
    table = Table(title=story.title, title_justify="left", header_style="bold", pad_edge=False)
    table.add_column("")
    for column in ("dense", "slim", ""):
        table.add_column(column, justify="right")
    if story.speed is not None and len(story.speed.results) > 1:
        slim, dense = story.stage(story.slim), story.stage(story.dense)
        if slim is not None and dense is not None:
            fewer = compared(dense.params, slim.params)
            table.add_row("parameters of the encoder", human(dense.params), human(slim.params), fewer)
        _add(table, story.speed, "parameters with the head")
        for metric in story.metrics:
            show = [estimated(metric.of.get(name), metric.is_rate) for name in (story.dense, story.slim)]
            table.add_row(metric.name, *show, "")
    if story.speed_at_size is not None:
        table.add_section()
        table.add_row("[bold]at real size, random weights: speed only[/bold]", "", "", "")
        table.add_row("network", story.speed_at_size.results[-1].name, story.speed_at_size.results[0].name, "")
        _add(table, story.speed_at_size, "parameters")
    notes = [m.protocol for m in story.metrics[:1]] + [conditions(b) for b in (story.speed,) if b is not None]
    return Group(table, Text("\n".join(notes), style="dim"))


def _add(table: Table, benchmark: Benchmark, parameters: str) -> None:
    slim, dense = benchmark.results[0], benchmark.results[-1]
    table.add_row(parameters, human(dense.params), human(slim.params), compared(dense.params, slim.params))
    macs = f"MACs at {duration(benchmark.setting.seconds, benchmark.setting.batch)}"
    table.add_row(macs, human(dense.macs), human(slim.macs), compared(dense.macs, slim.macs))
    sizes = dense.file_bytes, slim.file_bytes
    table.add_row("file", *map(octets, sizes), compared(*sizes))
    times = [f"{r.milliseconds.median:.1f} ms" for r in (dense, slim)]
    table.add_row("time", *times, worded(slim.speedup.median, FASTER))


def estimated(estimate: Estimate | None, is_rate: bool) -> str:
    """A value with its interval, a rate in percent; a dash where there is none."""
    if estimate is None:
        return "–"
    scale, digits, sign = (100, 2, " %") if is_rate else (1, 3, "")
    text = f"{scale * estimate.value:.{digits}f}{sign}"
    if estimate.low is not None and estimate.high is not None:
        text += f" [{scale * estimate.low:.{digits}f}, {scale * estimate.high:.{digits}f}]"
    return text


def conditions(benchmark: Benchmark) -> str:
    """The line without which the numbers mean nothing."""
    setting, where = benchmark.setting, benchmark.environment
    threads = f"{where['threads']} thread{'s' if where['threads'] != '1' else ''}"
    hardware = where.get("accelerator") or f"{where['processor']}, {threads}"
    return (
        f"{setting.seconds:g} s, batch {setting.batch}, {setting.dtype}, {hardware}, "
        f"{setting.repeats} alternating rounds, torch {where['torch']}, transformers {where['transformers']}"
    )

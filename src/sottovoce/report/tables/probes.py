"""The probes of one or more encoders, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sottovoce.pruning.costs import human
from sottovoce.report.numbers import METRICS, estimate_text
from sottovoce.report.report_data import Estimate
from sottovoce.runs.probing import ProbeResult


def probe_table(found: Sequence[ProbeResult]) -> RenderableType:
    """Parameters, MACs, and the main metric of every probe with its interval: one column for each model.

    Args:
        found: the results of each model, all with the same probes.
    """
    table = Table(title="probes of the frozen encoder", title_justify="left", header_style="bold", pad_edge=False)
    table.add_column("")
    for each in found:
        table.add_column(each.model, justify="right", overflow="fold")
    table.add_row("parameters", *(human(each.cost.params) for each in found))
    table.add_row("MACs a second", *(human(each.cost.macs) for each in found))
    table.add_section()
    tests = {probe: sum(name == probe for name, _ in found[0].scores) for probe, _ in found[0].scores}
    notes = []
    for (probe, test), score in found[0].scores.items():
        metric, is_rate = METRICS.get(score.metric, (score.metric, False))
        task = probe.removeprefix("probe-")
        where = f"{task}, {test}" if tests[probe] > 1 else task
        cells = [each.scores[probe, test] for each in found]
        table.add_row(f"{where}: {metric}", *(estimate_text(Estimate(s.value, s.low, s.high), is_rate) for s in cells))
        notes.append(f"{where}: {score.protocol}")
    return Group(table, Text("\n".join(notes), style="dim"))

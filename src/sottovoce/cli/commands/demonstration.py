"""The demonstration: the whole path on synthetic speech, then the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from sottovoce.profiling.bench import Setting
from sottovoce.recipe.packaged import find_recipe
from sottovoce.report.run_report import read_report_data, write_report
from sottovoce.report.tables.outcomes import outcome_table
from sottovoce.runs.compress import compress

SETTING = Setting(repeats=6)


def demo(run: str | Path = "runs/demo", changes: Sequence[str] = (), *, console: Console | None = None) -> Path:
    """Make a corpus, fine-tune, prune to a fifth with distillation, prove, evaluate, measure, report.

    Args:
        run: directory of the run; the same call again goes on where it was stopped.
        changes: to the recipe ``demo``, as ``compress`` takes them.
        console: where progress and the outcome are shown.

    Returns:
        the path of the report.
    """
    console = console or Console()
    directory = compress(find_recipe("demo"), run, changes, console=console)
    with console.status("measuring the demo's model, and WavLM Base in a published shape"):
        path = write_report(directory.path, setting=SETTING, at_size="base")
    console.print(outcome_table(read_report_data(directory.path, setting=SETTING, at_size="base")))
    console.print(f"report: {path.resolve()}", highlight=False, soft_wrap=True, markup=False)
    return path

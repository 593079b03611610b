"""``sottovoce demo``: a complete run on synthetic speech, which needs no data and no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

REPEATS = 6
"""Number of rounds in which time is measured; `bench` takes more by default."""
SIZE = "base"
"""Size of the published slim shape that is also measured."""


def demo(
    run: Annotated[Path, typer.Option(help="Directory of the run.")] = Path("runs/demo"),
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe, as for compress. Repeat it for more.")
    ] = None,
) -> None:
    """Synthesize speech, fine-tune, prune 80 % with distillation, prove, evaluate, measure and report."""
    from sottovoce.cli.terminal import console
    from sottovoce.profiling.benchmark_settings import BenchmarkSettings
    from sottovoce.recipe.packaged import find_recipe
    from sottovoce.report.run_report import read_report_data, write_report
    from sottovoce.report.tables.outcomes import outcome_table
    from sottovoce.runs.compression import compress

    screen, setting = console(), BenchmarkSettings(repeats=REPEATS)
    directory = compress(find_recipe("demo"), run, changes or (), console=screen)
    with screen.status("measuring the demo's model, and WavLM Base in a published shape"):
        path = write_report(directory.path, setting=setting, at_size=SIZE)
    screen.print(outcome_table(read_report_data(directory.path, setting=setting, at_size=SIZE)))
    screen.print(f"report: {path.resolve()}", highlight=False, soft_wrap=True, markup=False)

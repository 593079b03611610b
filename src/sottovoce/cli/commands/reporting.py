"""``sottovoce report``: write the report page of a run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(run: Annotated[Path, typer.Argument(help="Directory of a run, finished or not.")]) -> None:
    """Write report.html and figures/ into a run's directory."""
    from sottovoce.cli.terminal import busy
    from sottovoce.report.run_report import write_report

    with busy(f"measuring {run}"):
        path = write_report(run)
    typer.echo(f"report: {path}")

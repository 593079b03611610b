"""``sottovoce demo``: see it work, with nothing but this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    run: Annotated[Path, typer.Option(help="Directory of the run.")] = Path("runs/demo"),
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe, as for compress. Repeat it for more.")
    ] = None,
) -> None:
    """Synthesize speech, fine-tune, prune 80 % with distillation, prove, evaluate, measure and report."""
    from sottovoce.cli.commands.demonstration import demo as library
    from sottovoce.cli.terminal import console

    library(run, changes or (), console=console())

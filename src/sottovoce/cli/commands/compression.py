"""``sottovoce compress``: carry out a recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer


def compress(
    recipe: Annotated[str, typer.Argument(help="A YAML file, or the name of a recipe that comes with sottovoce.")],
    run: Annotated[Path | None, typer.Option(help="Directory of the run (default: runs/NAME).")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe: stage.prune.steps=2000. Repeat it for more.")
    ] = None,
    smoke_test: Annotated[
        bool, typer.Option(help="Make everything small: a tiny encoder, synthetic speech, a few steps. Does it run?")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for another process that is at work on the run.")] = False,
    report: Annotated[bool, typer.Option(help="Measure dense and slim at the end and write report.html.")] = True,
) -> None:
    """Fine-tune, prune, distill and slim as a recipe says. The same command again goes on where it was stopped."""
    from sottovoce.cli.terminal import console
    from sottovoce.runs.compression import compress as library
    from sottovoce.runs.recipe_file import read_recipe

    if report:
        from sottovoce.report.run_report import (
            write_report,  # here, so that a missing package is reported before the run
        )

    screen = console()
    done = library(
        read_recipe(recipe, changes or (), _scale(run) if smoke_test else None), run, console=screen, wait=wait
    )
    if report:
        screen.print(f"report: {write_report(done.path)}", highlight=False, markup=False)
    else:
        screen.print(f"run: {done.path}", highlight=False, markup=False)


def _scale(run: Path | None) -> Callable[[dict[str, Any]], dict[str, Any]]:
    from sottovoce.runs.run_directory import STAND_INS
    from sottovoce.runs.scaled_down import smoke_test

    def scaled(data: dict[str, Any]) -> dict[str, Any]:
        place = run or Path("runs") / f"{data['name']}-smoke-test"
        return smoke_test(data, place / STAND_INS)

    return scaled

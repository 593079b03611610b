"""``sottovoce compress``: carry out a recipe."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sottovoce.runs.recipe import Recipe


SMOKE_TEST = (
    "smoke test: a tiny encoder, synthetic speech, four steps a stage. That is too few to move gates, so what is pruned is "
    "chosen by their scores; the results only show that the recipe runs."
)


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
    if smoke_test:
        screen.print(SMOKE_TEST, style="dim", highlight=False, markup=False)
    chosen = _smoke_test(recipe, changes or (), run) if smoke_test else read_recipe(recipe, changes or ())
    done = library(chosen, run, console=screen, wait=wait)
    if report:
        screen.print(f"report: {write_report(done.path)}", highlight=False, markup=False)
    else:
        screen.print(f"run: {done.path}", highlight=False, markup=False)


def _smoke_test(recipe: str, changes: Sequence[str], run: Path | None) -> Recipe:
    """The recipe made small. Its stand-ins lie in the run's directory, which is not left behind if the recipe is faulty."""
    from sottovoce.errors import SottovoceError
    from sottovoce.runs.recipe_file import read_recipe
    from sottovoce.runs.run_directory import STAND_INS
    from sottovoce.runs.scaled_down import smoke_test

    made: list[Path] = []

    def scaled(data: dict[str, Any]) -> dict[str, Any]:
        # Absolute, so that it is the same recipe however the path of the run is written.
        place = (run or Path("runs") / f"{data['name']}-smoke-test").absolute()
        if not place.exists():
            made.append(place)
        return smoke_test(data, place / STAND_INS)

    try:
        return read_recipe(recipe, changes, scaled)
    except SottovoceError:
        for place in made:
            shutil.rmtree(place, ignore_errors=True)
        raise

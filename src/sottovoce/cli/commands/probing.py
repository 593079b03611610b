"""``sottovoce probe``: how well the hidden states of a frozen encoder serve each task."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def probe(
    model: Annotated[str, typer.Argument(help="A model directory, a checkpoint file or a hub id.")],
    against: Annotated[str | None, typer.Option(help="Another, shown beside it: the dense one, say.")] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="One of the five tasks; repeat it for more (default: all).")
    ] = None,
    recipe: Annotated[
        list[str] | None,
        typer.Option(help="A probe of your own: a YAML file with your data. Repeat it for more; no task runs then."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of each probe (default: as its recipe says).", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Of each probe (default: as its recipe says).", min=0)] = None,
    run: Annotated[Path, typer.Option(help="Directory of the runs.")] = Path("runs/probe"),
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipes: data.batch=8. Repeat it for more.")
    ] = None,
    smoke_test: Annotated[bool, typer.Option(help="Make data and steps small: does it run?")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Plain data; progress goes to standard error.")] = False,
) -> None:
    """Freeze an encoder and train a small head for each task; print all scores with their intervals."""
    from rich.console import Console

    from sottovoce.cli.terminal import console, print_json
    from sottovoce.errors import RecipeError
    from sottovoce.report.tables.probes import probe_table
    from sottovoce.runs.probing import PROBES
    from sottovoce.runs.probing import probe as library
    from sottovoce.text.suggestions import did_you_mean

    if unknown := [name for name in task or () if name not in PROBES]:
        raise RecipeError(f"--task {unknown[0]}: unknown; {did_you_mean(unknown[0], PROBES)}")
    chosen = [PROBES[name] for name in task or ([] if recipe else PROBES)] + (recipe or [])
    screen = Console(stderr=True) if as_json else console()
    models = [model] if against is None else [model, against]
    found = library(
        models, run, chosen, steps=steps, seed=seed, changes=changes or (), smoke_test=smoke_test, console=screen
    )
    if as_json:
        print_json([each.to_dict() for each in found])
    else:
        screen.print(probe_table(found))

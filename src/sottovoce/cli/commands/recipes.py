"""``sottovoce recipes``: list the recipes of published systems, print one, and check whether it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

recipes = typer.Typer(help="The recipes that come with sottovoce: list, show, check.", no_args_is_help=False)


@recipes.callback(invoke_without_command=True)
def listed(context: typer.Context) -> None:
    """List all recipes: what they reproduce, their task and encoder, and the published result."""
    if context.invoked_subcommand is not None:
        return
    from sottovoce.cli.terminal import console
    from sottovoce.report.tables.recipe_catalog import recipes_table

    console().print(recipes_table())


@recipes.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of a recipe, or a YAML file.")],
    marks: Annotated[
        bool | None,
        typer.Option(
            "--marks/--plain",
            help="Mark in the margin whether a constant is from the authors' paper or code, or ours. Default: in a terminal.",
        ),
    ] = None,
) -> None:
    """Print a recipe as it is written, after those that it extends; in a terminal with the source of each constant."""
    from sottovoce.cli.terminal import console
    from sottovoce.recipe.packaged import find_recipe
    from sottovoce.recipe.yaml_file import chain
    from sottovoce.report.tables.recipe_sources import LEGEND, UNMARKED_RECIPE, has_marks, marked_recipe

    screen = console()
    marked = screen.is_terminal if marks is None else marks
    texts = [(path.name, path.read_text(encoding="utf-8").rstrip()) for path in chain(find_recipe(name))]
    for file, text in texts:
        if not marked:
            typer.echo(f"# {file}\n\n{text}\n")
            continue
        screen.print(f"# {file}\n", style="bold", markup=False, highlight=False)
        screen.print(marked_recipe(text), soft_wrap=True)
    if marked:
        screen.print(LEGEND if any(has_marks(text) for _, text in texts) else UNMARKED_RECIPE, soft_wrap=True)


@recipes.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of a recipe, or a YAML file.")],
    gpu: Annotated[str, typer.Option(help="GPU that hours are estimated for: A100, H100, V100, RTX 4090.")] = "A100",
    folder: Annotated[
        Path | None, typer.Option(help="Where models of this check are kept; default: nowhere, they are removed.")
    ] = None,
) -> None:
    """Take one real optimizer step of every stage with the real models, on synthetic speech, and say what it takes."""
    from tempfile import TemporaryDirectory

    from sottovoce.cli.terminal import busy, console, new_directory
    from sottovoce.errors import RecipeError
    from sottovoce.recipe.packaged import find_recipe
    from sottovoce.report.tables.recipe_checks import check_table
    from sottovoce.runs.recipe_check import GPUS, check_recipe
    from sottovoce.text.suggestions import did_you_mean

    if gpu not in GPUS:
        raise RecipeError(f"--gpu {gpu}: unknown; {did_you_mean(gpu, GPUS)}")
    path = find_recipe(name)
    screen = console()
    with TemporaryDirectory(prefix="sottovoce-check-") as temporary:
        place = new_directory(folder) if folder is not None else Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        with busy(f"checking {path.stem}"):
            found = check_recipe(
                path, place, lambda stage: screen.print(f"{stage} ...", style="dim", highlight=False, markup=False)
            )
    screen.print(check_table(path, found, gpu))

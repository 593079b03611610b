"""What a check of a recipe measured, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...profiling.environment import describe_environment
from ...pruning.costs import human
from ...recipe.yaml_file import plain_recipe
from ...runs.recipe import Recipe
from ...runs.recipe_check import TYPICAL, UTILIZATION, StageCheck


def check_table(path: Path, found: Sequence[StageCheck], gpu: str) -> RenderableType:
    """A row for each stage, and the hours that the whole recipe would take on a GPU.

    Args:
        path: file of the recipe.
        found: the measurements of its stages, from `check_recipe`.
        gpu: name of the GPU, a key of `GPUS`.
    """
    recipe = Recipe.model_validate({k: v for k, v in plain_recipe(path).items() if k != "smoke_test"})
    precision = recipe.compute.precision
    table = Table(title=f"{path.stem}: one step of every stage was taken")
    for column in (
        "stage",
        "encoder",
        "steps",
        "utterances a step",
        "encoder MACs a step",
        "peak here",
        "took",
        f"{gpu} hours",
    ):
        table.add_column(column, justify="left" if column == "stage" else "right")
    hours = []
    for each in found:
        cropped = f"{each.batch} x {each.crop:g} s" if each.crop else f"{each.batch}, of {TYPICAL:g} s"
        estimate = each.hours(gpu, precision) if each.steps else 0.0
        hours.append(estimate)
        table.add_row(
            each.name if each.name == each.kind else f"{each.name} ({each.kind})",
            human(each.params),
            f"{each.steps:,}" if each.steps else "–",
            cropped if each.steps else "–",
            human(each.macs) if each.steps else "–",
            "–" if each.peak is None else f"{each.peak / 2**30:.1f} GiB",
            f"{each.seconds:.0f} s",
            "–" if not estimate else f"{estimate:.1f}",
        )
    facts = describe_environment()
    known = [h for h in hours if h is not None]
    durations = " or ".join(f"{seconds:.1f} s" for seconds in sorted({each.duration for each in found if each.steps}))
    total = f"about {_rounded(sum(known))} hours" if len(known) == len(hours) else f"no {precision} there"
    return Group(
        table,
        Text(
            f"{gpu}: {total} for encoders alone, at {100 * UTILIZATION:g} % of its {precision} peak. Here: one utterance of "
            f"{durations}, {precision}, {facts['threads']} threads, {facts['processor']}, torch {facts['torch']}."
        ),
    )


def _rounded(hours: float) -> str:
    """Hours rounded to two digits, because an estimate is no more precise."""
    return f"{float(f'{hours:.2g}'):g}"

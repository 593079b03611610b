"""How the model of a stage was made: the stages that lead to it, in the words of a model card."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..checkpoints.origins import name_of
from ..recipe.stage_names import starting_points
from .recipe import Recipe

if TYPE_CHECKING:
    from lhotse.cut import Cut


def stage_lines(recipe: Recipe, stage: str) -> list[str]:
    """How the model of a stage was made, one line for each step. Only the last part of paths is given.

    Args:
        recipe: recipe of the run.
        stage: name of the stage; `START` for the model before all stages.
    """
    source = recipe.encoder.source
    origin = f"started from {name_of(source)}" if source else "started from random weights"
    lines = [f"recipe {recipe.name}, seed {recipe.seed}: {origin}"]
    points, stages = starting_points(recipe.resolved()), dict(zip(recipe.names(), recipe.stages, strict=True))
    way: list[str] = []
    while stage in points:
        way.append(stage)
        stage = points[stage]
    for name in reversed(way):
        kind, options = stages[name].kind, stages[name].options
        facts = ", ".join(options.card_facts(recipe.budget)) or "as it is by default"
        lines.append(f"{name}: {facts}" if name == kind else f"{name} ({kind}): {facts}")
    return lines


def data_line(name: str, cuts: Iterable[Cut]) -> str:
    """The number of utterances and hours of a corpus, in words."""
    lengths = [cut.duration for cut in cuts]
    return f"{name}: {len(lengths):,} utterances, {sum(lengths) / 3600:.2f} h"

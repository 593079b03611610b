"""What a stage's model went through: the stages on the way to it, in the words of a model card."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..checkpoints.origins import name_of
from ..recipe.stage_names import starting_points
from .recipe import Recipe

if TYPE_CHECKING:
    from lhotse.cut import Cut


def stage_lines(recipe: Recipe, stage: str) -> list[str]:
    """What was done to arrive at the model of a stage, a line for each step. Paths are given by their last part only.

    Args:
        recipe: of the run.
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
    """How many utterances and hours of a corpus there are."""
    lengths = [cut.duration for cut in cuts]
    return f"{name}: {len(lengths):,} utterances, {sum(lengths) / 3600:.2f} h"

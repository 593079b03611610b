"""Names of the stages of a recipe, and the stage that each one starts from. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

START = "start"
"""Name of the model before all stages."""


def stage_name(kind: str, options: Mapping[str, object]) -> str:
    """The name by which other stages, files and ``--set`` refer to a stage.

    Args:
        kind: kind of the stage, such as ``prune``.
        options: options of the stage, as plain data.
    """
    return str(options.get("name") or kind)


def starting_points(recipe: Mapping[str, object]) -> dict[str, str]:
    """For each stage the name of the one that it starts from, in the order of the recipe.

    Args:
        recipe: the resolved recipe as plain data.
    """
    points: dict[str, str] = {}
    previous = START
    for name, options in _stages(recipe):
        points[name] = options.get("start") or previous
        previous = name
    return points


def _stages(recipe: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for entry in recipe["stages"]:
        kind, options = next((kind, options) for kind, options in entry.items() if options is not None)
        yield stage_name(kind, options), options

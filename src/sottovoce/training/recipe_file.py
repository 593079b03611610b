"""Recipes from YAML files: ``extends``, environment variables, ``--set``, and all faults together."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..encoder.errors import RecipeError
from ..tasks.options import listed, nearest, problems_of
from .lineage import stage_name
from .recipe import Recipe
from .yaml_file import expanded, loaded, merged, yaml_value

Scale = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes another recipe of one, as plain data."""


def read_recipe(path: str | os.PathLike[str], changes: Sequence[str] = (), scale: Scale | None = None) -> Recipe:
    """Read and check a recipe.

    ``extends: other.yaml`` takes another recipe (its path counts from this file) and replaces what is given here:
    sections are merged, lists and values replaced, unless `merged` is told otherwise. ``${NAME}`` and ``${NAME:-default}``
    stand for environment variables.

    Args:
        path: a YAML file.
        changes: ``path=value`` with dots and a YAML value: ``seed=3``, ``data.batch=16``, ``stage.prune.steps=200``
            (a stage by its name).
        scale: makes a smaller recipe of what the file says, before the changes, see `sottovoce.training.scaled`.

    Raises:
        RecipeError: the file cannot be read, or anything is wrong with the recipe; every fault has a line of its own.
    """
    problems: list[str] = []
    data = expanded(loaded(Path(path)), problems)
    if scale is not None and not problems and _is_recipe(data):  # what is wrong with another is told below
        data = scale(data)
    data.pop("toy", None)  # only `scale` reads it
    for change in changes:
        _set(data, change, problems)
    recipe, found = _checked(data)
    problems += found
    if problems or recipe is None:
        raise RecipeError(f"{path}: {listed(problems, f'{len(problems)} problems')}")
    return recipe


def _is_recipe(data: dict[str, Any]) -> bool:
    try:
        Recipe.model_validate({key: value for key, value in data.items() if key != "toy"})
    except ValidationError:
        return False
    return True


def _checked(data: dict[str, Any]) -> tuple[Recipe | None, list[str]]:
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        problems = problems_of(error, Recipe)
        # What is wrong between the parts is told at once too, if the rest makes a recipe without the faulty entries.
        try:
            recipe = Recipe.model_validate(_without(data, error))
        except ValidationError:
            return None, problems
        return None, [*problems, *recipe.problems()]
    return recipe, list(recipe.problems())


def _without(data: dict[str, Any], error: ValidationError) -> dict[str, Any]:
    rest = copy.deepcopy(data)
    for each in error.errors():
        holder: Any = rest
        for step in each["loc"][:-1]:
            try:
                holder = holder[step]
            except (KeyError, IndexError, TypeError):
                break
        if isinstance(holder, dict):
            holder.pop(each["loc"][-1], None)
    return rest


def _set(data: dict[str, Any], change: str, problems: list[str]) -> None:
    """Apply one ``path=value``; what it leads to is checked with the rest."""
    path, sign, text = change.partition("=")
    if not sign or not path:
        problems.append(f"--set {change}: write path=value, such as stage.prune.steps=200")
        return
    try:
        value = merged({}, {"value": yaml_value(text)})["value"]
    except RecipeError as error:
        problems.append(f"--set {path}: {error}")
        return
    except ValueError as error:
        problems.append(f"--set {path}: {text[:60]!r} is not a YAML value ({error})")
        return
    steps: list[Any] = [int(s) if re.fullmatch("[0-9]{1,9}", s) else s for s in re.split(r"[.\[\]]+", path.rstrip("]"))]
    holder: Any = data
    if steps[0] in ("stage", "stages") and len(steps) > 2 and isinstance(steps[1], str):
        stages = data.get("stages")
        known = [entry for entry in stages if isinstance(entry, dict)] if isinstance(stages, list) else []
        entries = {stage_name(*_kind(entry)): entry for entry in known}
        if steps[1] not in entries:
            problems.append(f"--set {path}: no stage is called {steps[1]!r}; {nearest(steps[1], entries)}")
            return
        holder = entries[steps[1]]
        kind, _ = _kind(holder)
        holder[kind] = holder.get(kind) or {}
        steps = [kind, *steps[2:]]
    for step in steps[:-1]:
        if isinstance(holder, dict):
            holder = holder.setdefault(step, {})
        elif isinstance(holder, list) and isinstance(step, int) and step < len(holder):
            holder = holder[step]
        else:
            problems.append(f"--set {path}: there is nothing at {step!r}")
            return
    if isinstance(holder, list) and isinstance(steps[-1], int) and steps[-1] < len(holder) or isinstance(holder, dict):
        holder[steps[-1]] = value
    else:
        problems.append(f"--set {path}: there is nothing at {steps[-1]!r}")


def _kind(entry: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    kind = next(iter(entry), "")
    options = entry.get(kind)
    return str(kind), options if isinstance(options, Mapping) else {}

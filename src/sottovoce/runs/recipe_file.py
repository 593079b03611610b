"""Recipes from YAML files: ``extends``, environment variables, ``--set``, and all faults together."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ..errors import RecipeError
from ..options import problem_list
from ..recipe.packaged import find_recipe
from ..recipe.stage_names import stage_name
from ..recipe.yaml_file import expanded, loaded, merged, recipe_value
from ..text.suggestions import did_you_mean
from .recipe import Recipe, recipe_problems

Scale = Callable[[dict[str, object]], dict[str, object]]
"""Turns a recipe into another, as plain data."""


def read_recipe(path: str | os.PathLike[str], changes: Sequence[str] = (), scale: Scale | None = None) -> Recipe:
    """Read and check a recipe.

    ``extends: other.yaml`` starts from another recipe (its path is relative to this file) and changes what this file
    gives: sections are merged, lists and values are replaced, unless a tag says otherwise, see `merged`. ``${NAME}`` and
    ``${NAME:-default}`` stand for environment variables.

    Args:
        path: a YAML file, or the name of a recipe that comes with sottovoce.
        changes: ``path=value`` with dots and a YAML value: ``seed=3``, ``data.batch=16``, ``stage.prune.steps=200``
            (a stage by its name).
        scale: turns the recipe of the file into a smaller one before the changes, see `sottovoce.runs.scaled_down`.

    Raises:
        RecipeError: the file cannot be read, or the recipe is faulty; every fault has a line of its own.
    """
    problems: list[str] = []
    data = expanded(loaded(find_recipe(path)), problems)
    if scale is not None:  # the checkpoint that it starts from decides what the smaller recipe looks like
        first = [each for each in changes if each.startswith("encoder.from=")]
        changes = [each for each in changes if each not in first]
        _set_all(data, first, problems)
    if scale is not None and not problems and _is_recipe(data):  # otherwise the check below says what is wrong
        data = scale(data)
    data.pop("smoke_test", None)  # only `scale` reads it
    _set_all(data, changes, problems)
    return checked_recipe(data, str(path), problems)


def checked_recipe(data: Mapping[str, object], name: str, problems: Sequence[str] = ()) -> Recipe:
    """A recipe from plain data, checked for all faults that can be found before anything is made.

    Args:
        data: the recipe as in a file, or as from `Recipe.resolved`.
        name: name of the recipe in messages.
        problems: faults that are known already.

    Raises:
        RecipeError: the recipe is faulty; every fault has a line of its own.
    """
    if found := [*problems, *recipe_problems(data)]:
        raise RecipeError(f"{name}: {problem_list(found, f'{len(found)} problems')}")
    return Recipe.model_validate(data)


def _is_recipe(data: dict[str, Any]) -> bool:
    try:
        Recipe.model_validate({key: value for key, value in data.items() if key != "smoke_test"})
    except ValidationError:
        return False
    return True


STEPS = 30
"""Maximum number of steps in the path of a change; real paths have at most ten."""


def _set_all(data: dict[str, Any], changes: Sequence[str], problems: list[str]) -> None:
    """Apply the changes, each ``path=value``. The result is checked with the rest of the recipe."""
    given: dict[str, str] = {}
    for change in changes:
        path, sign, text = change.partition("=")
        steps = [each for each in re.split(r"[.\[\]]+", path.rstrip("]"))]
        if not sign or not all(steps) or len(steps) > STEPS:
            text = change if change.isprintable() else repr(change)
            problems.append(f"--set {text[:60]}: write path=value, such as stage.prune.steps=200")
        elif path in given:
            problems.append(f"--set {path}: given twice, {given[path][:60]} and {text[:60]}; leave one out")
        else:
            given[path] = text
            _set(data, path, text, problems)


def _set(data: dict[str, Any], path: str, text: str, problems: list[str]) -> None:
    try:
        value = merged({}, {"value": recipe_value(text)})["value"]
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
            problems.append(f"--set {path}: no stage is called {steps[1]!r}; {did_you_mean(steps[1], entries)}")
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

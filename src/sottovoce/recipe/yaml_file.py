"""Recipes as plain data: YAML with ``extends`` and environment variables. Imports nothing heavy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ..errors import RecipeError
from ..options import dotted
from ..text.yaml_text import Loader, read_text, yaml_value
from .packaged import find_recipe


class Instead(dict[str, object]):
    """A section that replaces the same section of the extended recipe: ``head: !instead {x_vector: {}}``."""


class Also(list[object]):
    """A list that is appended to the same list of the extended recipe: ``differs: !also [...]``."""


class Same(dict[str, object]):
    """A stage of the extended recipe with changes: ``- prune: !same {kinds: [rank]}``."""


class _Loader(Loader):
    """Plain YAML, ``!instead``, ``!also`` and ``!same``."""


def _section(kind: type[dict[str, Any]]) -> Callable[[yaml.SafeLoader, yaml.MappingNode], dict[str, Any]]:
    def construct(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[str, Any]:
        return kind({str(key): value for key, value in loader.construct_mapping(node, deep=True).items()})

    return construct


def _also(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> Also:
    return Also(loader.construct_sequence(node, deep=True))


_Loader.add_constructor("!instead", _section(Instead))
_Loader.add_constructor("!same", _section(Same))
_Loader.add_constructor("!also", _also)

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def recipe_value(text: str) -> object:
    """The value of a YAML text, with the tags of recipes.

    Raises:
        ValueError: see `yaml_value`.
    """
    return yaml_value(text, _Loader)


def plain_recipe(path: str | os.PathLike[str]) -> dict[str, object]:
    """A recipe as plain data, merged with what it extends and unchecked. Unset environment variables are not replaced.

    Raises:
        RecipeError: the file cannot be read.
    """
    data = loaded(Path(path))
    problems: list[str] = []
    filled = expanded(data, problems)
    return data if problems else filled


def chain(path: Path) -> list[Path]:
    """The files of a recipe: those that it extends, the most basic first, then its own.

    Raises:
        RecipeError: a file cannot be read.
    """
    return [*dict.fromkeys(each for each, _ in _written(path))]


def loaded(path: Path) -> dict[str, object]:
    """A recipe merged into what it extends.

    Raises:
        RecipeError: a file cannot be read, or extends itself.
    """
    data: dict[str, Any] = {}
    for each, written in _written(path):
        try:
            data = merged(data, written)
        except RecipeError as error:
            raise RecipeError(f"{each}: {error}") from None
    return data


FILES = 50
"""Maximum number of files of one recipe, with all that it extends. Real recipes have fewer than ten."""


def _written(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    """All files of a recipe with their content, the most basic first."""
    found: list[tuple[Path, dict[str, Any]]] = []

    def follow(path: Path, below: tuple[Path, ...]) -> None:
        if path.resolve() in below:
            raise RecipeError(f"{path}: extends itself, by way of {', '.join(p.name for p in below)}")
        if len(found) + len(below) >= FILES:
            raise RecipeError(f"{path}: with all that it extends, the recipe has more than {FILES} files")
        data = _read(path)
        for name in _extended(path, data.pop("extends", None)):
            follow(find_recipe(name, path.parent), (*below, path.resolve()))
        found.append((path, data))

    follow(path, ())
    return found


def _extended(path: Path, value: Any) -> list[str]:
    """The recipes that a file extends."""
    names = [] if value is None else value if isinstance(value, list) else [value]
    if wrong := [each for each in names if not isinstance(each, str) or not each]:
        raise RecipeError(
            f"{path}: extends: {str(wrong[0])[:60]!r} is no recipe; give a file, a name, or a list of them"
        )
    return names


def _read(path: Path) -> dict[str, Any]:
    text = read_text(path, RecipeError)
    try:
        data = recipe_value(text)
    except ValueError as error:
        raise RecipeError(f"{path}: not YAML ({error})") from None
    if not isinstance(data, dict):
        raise RecipeError(f"{path}: a recipe is a mapping with name, encoder, task, data and stages")
    return data


def merged(base: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """``base`` with ``changes``: mappings are merged unless written ``!instead``, lists go on if written ``!also``, a stage
    that is written ``!same`` is merged into the one of its name, or else of its kind; all else is replaced.

    Raises:
        RecipeError: there is no such stage.
    """
    out = dict(base)
    for key, value in changes.items():
        old = out.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and not isinstance(value, Instead):
            out[key] = merged(old, value)
        elif isinstance(value, list):
            before = old if isinstance(old, list) else []
            entries = [_entry(each, before) for each in value]
            out[key] = [*before, *entries] if isinstance(value, Also) else entries
        else:
            out[key] = value
    return out


def _entry(entry: Any, before: list[Any]) -> Any:
    """An entry of a list. A stage with the tag ``!same`` is looked up in the list that is replaced."""
    kind, options = _stage(entry)
    if not isinstance(options, Same):
        return entry
    stages = {str(of.get("name", each)): (each, of) for each, of in map(_stage, before) if each is not None}
    for name in (options.get("name"), kind):
        if name in stages and stages[name][0] == kind:
            return {kind: merged(stages[name][1], options)}
    known = [each if each == name else f"{each} (name: {name})" for name, (each, _) in stages.items()]
    raise RecipeError(f"stages: !same {kind}: what is extended has no such stage; it has {', '.join(known) or 'none'}")


def _stage(entry: Any) -> tuple[str | None, Mapping[str, Any]]:
    """Kind and options of an entry of ``stages``, which may be a kind alone; the kind is ``None`` if it is not a stage."""
    ((kind, options),) = entry.items() if isinstance(entry, Mapping) and len(entry) == 1 else [(entry, None)]
    if not isinstance(kind, str) or not isinstance(options, Mapping | None):
        return None, {}
    return kind, {} if options is None else options


def expanded(data: Mapping[str, object], problems: list[str]) -> dict[str, object]:
    """A recipe with environment variables filled in.

    Args:
        data: the recipe as plain data.
        problems: variables without a value are added to it.
    """
    return {key: _expanded(value, problems, (key,)) for key, value in data.items()}


def _expanded(data: Any, problems: list[str], path: tuple[int | str, ...]) -> Any:
    if isinstance(data, dict):
        return {key: _expanded(value, problems, (*path, key)) for key, value in data.items()}
    if isinstance(data, list):
        return [_expanded(value, problems, (*path, k)) for k, value in enumerate(data)]
    if not isinstance(data, str):
        return data

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], match[2])
        if found is None:
            problems.append(f"{dotted(path)}: the environment variable {match[1]} is not set")
        return found or ""

    return _VARIABLE.sub(value, data)

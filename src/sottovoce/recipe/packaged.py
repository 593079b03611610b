"""Recipes that come with sottovoce, by name."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import RecipeError
from ..text.suggestions import nearest

_PACKAGE = Path(__file__).resolve().parents[1]
# In a wheel they lie inside the package; in a checkout, beside src/.
PLACES = (_PACKAGE / "recipes", _PACKAGE.parents[1] / "recipes")


def known_recipes() -> dict[str, Path]:
    """Name -> file of every recipe that comes with sottovoce."""
    return {each.stem: each for place in PLACES for each in sorted(place.glob("*.yaml"))}


def find_recipe(name: str | os.PathLike[str], folder: Path = Path()) -> Path:
    """The recipe file for a path, or for the name of a recipe that comes with sottovoce (``demo``).

    Args:
        name: the path or name; a file takes precedence over a recipe with that name.
        folder: the folder that a relative path is relative to.

    Raises:
        RecipeError: there is neither such a file nor such a recipe.
    """
    path = folder / name
    if os.path.isfile(path):
        return path
    known = known_recipes()
    if str(name) in known:
        return known[str(name)]
    if os.path.exists(path):  # a folder or a device; reading it raises the error
        return path
    beside = {each.name: str(each) for each in _files_in(path.parent)}
    close = [beside[near]] if (near := nearest(path.name, beside)) else []
    close += [near] if (near := nearest(Path(name).stem, known)) else []
    hint = (
        f"did you mean {' or '.join(map(repr, close))}?" if close else "`sottovoce recipes` lists those that there are"
    )
    raise RecipeError(f"{str(path)[:200]}: no such file, and no recipe of that name; {hint}")


def _files_in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.y*ml"))
    except OSError:
        return []

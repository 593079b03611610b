"""Recipes that come with sottovoce, by name."""

from __future__ import annotations

from pathlib import Path

from ..encoder.errors import RecipeError
from ..tasks.options import nearest

_PACKAGE = Path(__file__).resolve().parents[1]
# In a wheel they lie inside the package; in a checkout, beside src/.
PLACES = (_PACKAGE / "recipes", _PACKAGE.parents[1] / "recipes")


def known_recipes() -> dict[str, Path]:
    """Name -> file of every recipe that comes with sottovoce."""
    return {each.stem: each for place in PLACES for each in sorted(place.glob("*.yaml"))}


def find_recipe(name: str | Path) -> Path:
    """The recipe file that is meant: a path, or the name of a recipe that comes with sottovoce (``demo``).

    Raises:
        RecipeError: neither.
    """
    path = Path(name)
    known = known_recipes()
    if str(name) in known and not path.is_file():
        return known[str(name)]
    if path.exists():
        return path
    raise RecipeError(f"{name}: no such file, and no recipe of that name; {nearest(str(name), known)}")

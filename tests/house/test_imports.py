"""What a contract of import-linter cannot say: no circles, no imports by names in strings, folders one can overlook.

The contracts themselves (which room may import which) stand in pyproject.toml; `make lint` checks them.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from own_modules import ROOT, circles, imports, modules, tracked, tree

NOT_COUNTED = {"__init__.py", "conftest.py", "__pycache__"}


def test_no_modules_import_each_other_in_a_circle():
    assert circles({name: imports(name) for name in modules()}) == []


def test_circles_are_seen():
    three = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"e"}}
    assert circles({name: frozenset(others) for name, others in three.items()}) == [["a", "b", "c"]]


def test_type_only_imports_late_imports_and_strings_count():
    assert "sottovoce.encoder.model" in imports("sottovoce")  # under TYPE_CHECKING, and by name
    assert any("cli.commands" in each for each in imports("sottovoce.cli.app"))


def test_only_the_table_of_contents_imports_by_name():
    """`sottovoce/__init__.py` loads what is asked of it; anywhere else a name in a string hides an import."""
    by_name = {
        name
        for name, path in modules().items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in ("import_module", "__import__")
    }
    assert by_name <= {"sottovoce"}


def test_no_folder_holds_more_than_fifteen_things():
    """The two roots hold one folder a room, so that of them only the files count."""
    held = defaultdict(set)
    for path in tracked("src", "tests"):
        for parent in path.relative_to(ROOT).parents:
            held[parent].add(path.relative_to(ROOT / parent).parts[0])
    counts = {}
    for folder, names in held.items():
        if folder.parts and folder.parts[0] in ("src", "tests"):
            is_root = folder in (Path("src/sottovoce"), Path("tests"))
            kept = [n for n in names - NOT_COUNTED if not (is_root and (ROOT / folder / n).is_dir())]
            counts[folder.as_posix()] = len(kept)
    assert {folder: count for folder, count in counts.items() if count > 15} == {}


@pytest.mark.parametrize("room", sorted({name.split(".")[1] for name in modules() if "." in name}))
def test_no_module_bears_the_name_of_what_it_holds(room):
    """`from sottovoce.pruning import plan` must not give a module one day and a function the next."""
    alike = {
        f"{name}.{node.name}"
        for name, path in modules().items()
        if name.startswith(f"sottovoce.{room}")
        for node in tree(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name.rpartition(".")[2]
    }
    assert alike == set()


def test_every_folder_says_what_it_is_for():
    silent = [n for n, path in modules().items() if path.name == "__init__.py" and not ast.get_docstring(tree(path))]
    assert silent == []


def test_the_picture_of_the_house_shows_the_contract():
    """docs/architecture.md lists the rooms in the order of the layers, those of the ground floor below a line."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = settings["contracts"][0]["layers"]
    picture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```")[1]
    shown = [
        re.split(r"\s{2,}", line.strip())[0] for line in picture.splitlines() if line.strip() and "───" not in line
    ]
    assert shown == layers
    rooms = {each.strip() for layer in layers for each in layer.split(":")}
    assert rooms <= {path.stem for path in (ROOT / "src/sottovoce").iterdir()}

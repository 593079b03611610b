"""The modeling code that a portable model directory carries, so that it loads where sottovoce is not installed.

Such a directory has no folders, so imports from any folder of the package become imports of a file in the same directory.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from ...errors import CheckpointError

PACKAGE = Path(__file__).parents[2]
"""The folder of the package."""

RELATIVE = re.compile(r"^(\s*from )\.+(?:\w+\.)*(\w+)( import )", re.MULTILINE)
"""``from .x import`` and ``from ..folder.x import``: how the files of this package import one another."""

ABSOLUTE = re.compile(r"^(\s*from )sottovoce\.(?:\w+\.)*(\w+)( import )", re.MULTILINE)
"""``from sottovoce.folder.x import``: how a file of another package imports one of ours."""

PORTABLE_PACKAGES = ("encoder", "heads", "models")
INSTALLED = {*sys.stdlib_module_names, "torch", "transformers"}
"""Modules that can be imported wherever a portable directory is loaded."""


def portable_code(classes: Iterable[type], added: Mapping[str, Mapping[str, type]]) -> dict[str, str]:
    """The files of a portable directory: name -> text.

    Args:
        classes: classes of this package; the result has their files and all that these import.
        added: classes of other packages: entry point group -> name -> class.

    Raises:
        CheckpointError: the file of an added class imports what may not be installed there, or its name is taken.
    """
    ours = files_needed(Path(inspect.getfile(each)) for each in classes)
    texts: dict[str, str] = {}
    for entries in added.values():
        for name, each in entries.items():
            file = Path(inspect.getfile(each))
            if any(file.name == other.name for other in ours) or file.name == "shipped.py":
                raise _not_portable(name, each, f"its file {file.name} has the name of one of sottovoce's; rename it")
            ours |= files_needed(_imported(name, each, file))
            texts[file.name] = ABSOLUTE.sub(r"\1.\2\3", file.read_text(encoding="utf-8"))
    texts |= {file.name: RELATIVE.sub(r"\1.\2\3", file.read_text(encoding="utf-8")) for file in sorted(ours)}
    return texts | {"shipped.py": _shipped(added)} if any(added.values()) else texts


def files_needed(files: Iterable[Path]) -> set[Path]:
    """``files`` and every file that they import relatively, directly or not."""
    found, waiting = set(), list(files)
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        for name in re.findall(r"^\s*from (\.+(?:\w+\.)*\w+) import ", file.read_text(encoding="utf-8"), re.MULTILINE):
            up = len(name) - len(name.lstrip("."))
            folder = file.parents[up - 1]
            waiting.append(folder.joinpath(*name.lstrip(".").split(".")).with_suffix(".py"))
    return found


def _imported(name: str, added: type, file: Path) -> list[Path]:
    """The files of ours that the file of an added class imports."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = ["." * node.level + (node.module or "")]
        else:
            continue
        for module in modules:
            root, *inner = module.split(".")
            if root in INSTALLED:
                continue
            ours = PACKAGE.joinpath(*inner).with_suffix(".py")
            if isinstance(node, ast.Import) or root != "sottovoce" or not ours.is_file():
                raise _not_portable(
                    name,
                    added,
                    f"line {node.lineno} imports {module}; what is shipped imports only the standard library, torch,"
                    " transformers, and names of sottovoce's modules (from sottovoce.heads.frames import TimeConv)",
                )
            if len(inner) > 1 and inner[0] not in PORTABLE_PACKAGES:
                raise _not_portable(name, added, f"line {node.lineno} imports {module}, which is not shipped")
            found.append(ours)
    return found


def _not_portable(name: str, added: type, why: str) -> CheckpointError:
    return CheckpointError(
        f"{name} ({added.__module__}.{added.__qualname__}) cannot be in a portable copy: {why}; or save without portable"
    )


def _shipped(added: Mapping[str, Mapping[str, type]]) -> str:
    """The text of ``shipped.py``."""
    classes = {each for entries in added.values() for each in entries.values()}
    imports = sorted(f"from .{Path(inspect.getfile(each)).stem} import {each.__name__}" for each in classes)
    tables = [
        f"    {group!r}: {{{', '.join(f'{name!r}: {each.__name__}' for name, each in entries.items())}}},"
        for group, entries in added.items()
    ]
    head = '"""What this copy brings along from other packages."""'
    return "\n".join([head, "", *imports, "", "SHIPPED = {", *tables, "}", ""])

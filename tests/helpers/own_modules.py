"""The files of this repository, and what each module of sottovoce imports, read from their text."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"


def tracked(*folders: str) -> list[Path]:
    """The files of these folders that Git knows, or, in an unpacked archive, all that are there."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders], cwd=ROOT, capture_output=True
    )
    if listing.returncode == 0:
        return [path for line in listing.stdout.decode().splitlines() if (path := ROOT / line).exists()]
    return [p for folder in folders for p in (ROOT / folder).rglob("*") if p.is_file() and p.suffix != ".pyc"]


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, of every module and package of ours."""
    named = {}
    for path in sorted((SRC / "sottovoce").rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def imports(module: str) -> frozenset[str]:
    """What a module of ours imports of ours: at its top, in functions, for types only, and by names in strings."""
    return frozenset(each for each in _imports(module) if each != module)


def _imports(module: str) -> Iterator[str]:
    path = modules()[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(tree(path)):
        match node:
            case ast.ImportFrom():
                base = package[: len(package) - node.level + 1] if node.level else []
                home = ".".join([*base, *([node.module] if node.module else [])])
                for name in node.names:
                    yield from (each for each in (f"{home}.{name.name}", home) if each in modules())
            case ast.Import():
                yield from (name.name for name in node.names if name.name in modules())
            case ast.Constant(value=str(text)) if "." in text:
                yield from (each for each in (text, text.rpartition(":")[0]) if each in modules())


def circles(graph: dict[str, frozenset[str]]) -> list[list[str]]:
    """The groups of modules that import each other in a circle (the strongly connected components, by Tarjan)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    groups = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in graph[module]:
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for module in graph:
        if module not in number:
            visit(module)
    return groups

"""A distribution of somebody else, put on the path for a test."""

import importlib
import sys
from pathlib import Path


def install(place: Path, monkeypatch, *, group: str, entry: str, module: str, source: str) -> None:
    """Write a distribution of one module with one entry point, and put it on the path until the test ends.

    Args:
        place: a folder of the test.
        group: entry point group, such as ``sottovoce.units``.
        entry: ``name = module:object``.
        module: its name, which no other test uses.
        source: its text.
    """
    (place / f"{module}.py").write_text(source)
    info = place / f"{module}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry}\n")
    monkeypatch.syspath_prepend(place)
    monkeypatch.delitem(sys.modules, module, raising=False)
    importlib.invalidate_caches()

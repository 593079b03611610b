"""The public names at the top of the package."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sottovoce

SOURCE = Path(sottovoce.__file__)


def test_every_public_name_is_there():
    for name in set(sottovoce.__all__) - {"__version__"}:
        assert getattr(sottovoce, name).__name__ == name
        assert name in dir(sottovoce)


def test_type_checkers_see_every_public_name():
    """What is imported for type checkers only is what ``__getattr__`` finds, from the same module."""
    (block,) = [each for each in ast.parse(SOURCE.read_text()).body if isinstance(each, ast.If)]
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert {*seen, "__version__"} == set(sottovoce.__all__) == set(dict.fromkeys(sottovoce.__all__))
    assert SOURCE.with_name("py.typed").exists()
    for name, module in seen.items():
        assert getattr(sottovoce, name).__module__.startswith(f"sottovoce.{module}"), name


def test_importing_the_package_imports_nothing_heavy():
    told = "import sys, sottovoce; print([m for m in ('torch', 'transformers', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_of_ours"):
        sottovoce.nothing_of_ours  # noqa: B018

"""Clauses that can hide a defect say in a comment why they are right."""

import ast
import tokenize
from pathlib import Path

import pytest

import sottovoce

BROAD = {"Exception", "BaseException", "TypeError", "AttributeError", "NameError", "RuntimeError", "AssertionError"}
"""What a defect raises as well as damage does."""


def unexplained(file: Path) -> list[str]:
    """Broad clauses (``except:``, and ``suppress`` too) without a comment from their line to that of what they do first."""
    with tokenize.open(file) as opened:
        said = opened.read()
    comments = {
        token.start[0]
        for token in tokenize.generate_tokens(iter(said.splitlines(True)).__next__)
        if token.type == tokenize.COMMENT and "type: ignore" not in token.string and "noqa" not in token.string
    }
    found = []
    for node in ast.walk(ast.parse(said)):
        if isinstance(node, ast.ExceptHandler):
            caught, last = [node.type] if node.type is not None else [], node.body[0].lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            caught, last = node.args, node.lineno
        else:
            continue
        names = {ast.unparse(name).rpartition(".")[2] for each in caught for name in getattr(each, "elts", [each])}
        if (not caught or names & BROAD) and comments.isdisjoint(range(node.lineno, last + 1)):
            found.append(f"{file.name}:{node.lineno}: {', '.join(sorted(names)) or 'everything'}")
    return found


def test_broad_clauses_say_why():
    assert [each for file in sorted(Path(sottovoce.__file__).parent.rglob("*.py")) for each in unexplained(file)] == []


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("except Exception:", True),
        ("except:", True),
        ("except (OSError, builtins.TypeError) as error:", True),
        ("except Exception:  # noqa: BLE001", True),
        ("except Exception:  # the library raises what it likes", False),
        ("except (OSError, ValueError):", False),
    ],
)
def test_a_new_one_is_seen(tmp_path, clause, found):
    (tmp_path / "a.py").write_text(f"try:\n    pass\n{clause}\n    pass\n", encoding="utf-8")
    assert bool(unexplained(tmp_path / "a.py")) == found

"""What users are told, all of it, as it stands in the source: one line, and no keyword of Python that no option is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import sottovoce

SOURCE = Path(sottovoce.__file__).parent


def fault_classes() -> set[str]:
    """`SottovoceError` and all that follow from it, as the source defines them."""
    bases = {
        node.name: [ast.unparse(base).rpartition(".")[2] for base in node.bases]
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    found = {"SottovoceError"}
    while more := {name for name, of in bases.items() if found & set(of)} - found:
        found |= more
    return found


def messages() -> list[tuple[str, str]]:
    """Where an error is made, and the constant parts of its text."""
    classes = fault_classes()
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in classes and node.args:
                told = node.args[0]
                parts = [
                    each.value
                    for each in (told.values if isinstance(told, ast.JoinedStr) else ast.walk(told))
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                ]
                found.append((f"{path.relative_to(SOURCE)}:{node.lineno}", " ".join(parts)))
    return found


MESSAGES = messages()


def test_they_are_found():
    assert len(MESSAGES) > 300 and {"DataError", "AudioError", "CheckpointError"} <= fault_classes()


def test_each_is_one_line():
    """But for lists of faults, of which each is a line, and a run's recipe, of which all that has changed is told."""
    several = {where for where, text in MESSAGES if "\n" in text and not re.search(r"\n *$", text)}
    assert {where.partition(":")[0] for where in several} <= {"runs/run_directory.py"}, several


@pytest.mark.parametrize("keyword", ["channel", "speakers", "skip_faulty", "threshold", "beam", "ngram", "chunk"])
def test_none_names_a_keyword_that_is_an_option(keyword):
    assert [where for where, text in MESSAGES if re.search(rf"\b{keyword}=", text)] == []

"""Text that comes from elsewhere is printed as it is: rich reads ``[heads]`` in it as markup and prints nothing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import sottovoce

SOURCE = Path(sottovoce.__file__).parent
MARKUP = re.compile(r"\[(/|[a-z]+)")


def test_texts_with_names_in_them_are_no_markup():
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "print"):
                continue
            for text in [each for each in call.args if isinstance(each, ast.JoinedStr)]:
                own = "".join(str(part.value) for part in text.values if isinstance(part, ast.Constant))
                if not MARKUP.search(own) and "markup" not in {each.arg for each in call.keywords}:
                    found.append(f"{path.relative_to(SOURCE)}:{call.lineno}")
    assert found == []

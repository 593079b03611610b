"""Where the constants of a recipe come from, as comments of its lines say.

A line of a published system's recipe ends with one or more marks, separated by semicolons::

    lr: {encoder: 2.0e-4}  # paper 2505.24111; code: distill_lr
    clip: 5.0              # ours: a guard

    paper   a publication, by its arXiv number
    code    the authors' public code or configuration: the key or the file there; repositories are in `about.code`
    ours    no public source, or another value than theirs; the reason stands in `about.differs`

A comment on a line of its own marks the line below it, and the marks of a key those of the list below it. A line without
marks holds no constant of the system.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MARKS = {"paper": "P", "code": "C", "ours": "o"}
"""The kinds of sources, and their letters in a margin."""

MARKED_SECTIONS = ("encoder", "task", "data", "budget", "stages")
"""Sections that hold constants of a system."""

UNMARKED = {
    "name",
    "corpora",
    "dev",
    "test",
    "workers",
    "evaluate",
    "recompute",
    "checkpoint_every",
    "log_every",
    "files",
}
"""Keys whose values are no constants of a system: names, places of data, and what changes time and memory only."""

_MARK = re.compile(r"(?:^|;\s*)(paper \d{4}\.\d{5}|code\b|ours\b)")
_KEY = re.compile(r"^\s*(?:-\s+)?([\w-]+)\s*:")


@dataclass(frozen=True)
class RecipeLine:
    """One line of a recipe file.

    Attributes:
        text: the line.
        marks: kinds of its sources, in the order of `MARKS`; empty for a line without marks.
        constant: whether it gives values in a section of constants, so that a published system's recipe has to mark it.
    """

    text: str
    marks: tuple[str, ...]
    constant: bool

    @property
    def letters(self) -> str:
        """The letters of its marks, two characters wide or more."""
        return "".join(MARKS[each] for each in self.marks).ljust(2)


def recipe_lines(text: str) -> Iterator[RecipeLine]:
    """The lines of a recipe file with their marks."""
    section: str = ""
    skipped: int | None = None
    above: tuple[str, ...] = ()
    parent: tuple[int, tuple[str, ...]] = (-1, ())
    for line in text.splitlines():
        code, comment = _split(line)
        marks = _marks_in(comment)
        if not code.strip():
            above = marks if marks else above if comment else ()
            yield RecipeLine(line, marks, False)
            continue
        indent = len(code) - len(code.lstrip())
        key = found[1] if (found := _KEY.match(code)) else ""
        if indent == 0:
            section, skipped = key, None
        if skipped is not None and indent <= skipped:
            skipped = None
        if skipped is None and key in UNMARKED:
            skipped = indent
        constant = section in MARKED_SECTIONS and skipped is None and _has_values(code)
        inherited = parent[1] if not key and indent > parent[0] else ()
        yield RecipeLine(line, marks or above or inherited, constant)
        if key:
            parent = (indent, marks or above)
        above = ()


def _split(line: str) -> tuple[str, str]:
    """A line without its comment, and the comment. Only `` #`` outside of quotes begins one."""
    quote = ""
    for place, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "#" and (place == 0 or line[place - 1] in " \t"):
            return line[:place].rstrip(), line[place + 1 :].strip()
    return line.rstrip(), ""


def _marks_in(comment: str) -> tuple[str, ...]:
    found = {each.split()[0] for each in _MARK.findall(comment)}
    return tuple(each for each in MARKS if each in found)


def _has_values(code: str) -> bool:
    """Whether there is more on a line than the beginning of a section: anchors and tags do not count."""
    value = re.sub(r"^\s*(?:-\s+)?(?:[\w-]+|<<)\s*:", "", code) if ":" in code else code
    value = re.sub(r"[&!][\w-]+|\bname: \w+", "", value).strip(" -[]{}>,")
    return bool(value) and not (value.endswith(":") and "{" not in value)

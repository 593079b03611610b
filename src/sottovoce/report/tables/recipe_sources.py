"""A recipe with the sources of its constants in the margin."""

from __future__ import annotations

from rich.text import Text

from sottovoce.report.recipe_marks import MARKS, recipe_lines

_STYLES = {"paper": "green", "code": "cyan", "ours": "yellow"}
_WORDS = {
    "paper": "from the authors' paper",
    "code": "from their public code or configuration; about.code says where",
    "ours": "ours; about.differs says why",
}

LEGEND = Text("\n").join(Text(f"{MARKS[kind]:<2} {words}", style=_STYLES[kind]) for kind, words in _WORDS.items())
"""What the letters in the margin mean."""


def marked_recipe(text: str) -> Text:
    """The text of a recipe file; each line has its marks in front, see `sottovoce.report.recipe_marks`."""
    out = Text()
    for line in recipe_lines(text):
        style = _STYLES[line.marks[0]] if line.marks else ""
        out.append(f"{line.letters} ", style=style)
        out.append(f"{line.text}\n", style=style if line.constant or not line.marks else "dim")
    return out

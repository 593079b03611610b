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

_NONE = "   no constant of the system: names, places of data, and what changes time and memory only"

LEGEND = Text("\n").join(
    [*(Text(f"{MARKS[kind]:<2} {words}", style=_STYLES[kind]) for kind, words in _WORDS.items()), Text(_NONE)]
)
"""What the letters in the margin mean."""

UNMARKED_RECIPE = Text("no letters: no line names a source; the recipes of published systems do")
"""What stands in place of the legend where no line has marks."""


def has_marks(text: str) -> bool:
    """Whether any line of a recipe file has marks."""
    return any(line.marks for line in recipe_lines(text))


def marked_recipe(text: str) -> Text:
    """The text of a recipe file; each line has its marks in front, see `sottovoce.report.recipe_marks`."""
    out = Text()
    for line in recipe_lines(text):
        style = _STYLES[line.marks[0]] if line.marks else ""
        out.append(f"{line.letters} ", style=style)
        out.append(f"{line.text}\n", style=style if line.constant or not line.marks else "dim")
    return out

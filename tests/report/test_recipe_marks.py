"""The sources of constants, as comments of recipes say them."""

from sottovoce.report.recipe_marks import recipe_lines
from sottovoce.report.tables.recipe_sources import LEGEND, marked_recipe

TEXT = """\
# A recipe.
name: x  # code: no constant
encoder: {from: a}  # paper 2305.17651; code: run.sh
data:
  corpora: {a: {cuts: {train: b}}}
  train:  # ours
    - a/train
    - "b/train # no comment"
  crop: 3.0
stages:
  - prune:
      # paper 2305.17651: in the line above
      steps: 5
      lr: &rate {encoder: 1}  # code: lr; ours: the head's
      recompute: true
  - fine_tune: !same {name: again}
"""


def test_marks_stand_in_comments_behind_above_and_at_the_head_of_a_list():
    found = {line.text.strip().partition("  #")[0]: (line.constant, line.marks) for line in recipe_lines(TEXT)}
    assert found == {
        "# A recipe.": (False, ()),
        "name: x": (False, ("code",)),
        "encoder: {from: a}": (True, ("paper", "code")),
        "data:": (False, ()),
        "corpora: {a: {cuts: {train: b}}}": (False, ()),
        "train:": (False, ("ours",)),
        "- a/train": (True, ("ours",)),
        '- "b/train # no comment"': (True, ("ours",)),
        "crop: 3.0": (True, ()),
        "stages:": (False, ()),
        "- prune:": (False, ()),
        "# paper 2305.17651: in the line above": (False, ("paper",)),
        "steps: 5": (True, ("paper",)),
        "lr: &rate {encoder: 1}": (True, ("code", "ours")),
        "recompute: true": (False, ()),
        "- fine_tune: !same {name: again}": (False, ()),
    }


def test_the_margin_has_the_letters_and_the_legend_their_meaning():
    lines = marked_recipe(TEXT).plain.splitlines()
    assert lines[2] == "PC encoder: {from: a}  # paper 2305.17651; code: run.sh" and lines[0] == "   # A recipe."
    assert lines[12].startswith("P  ") and lines[13].startswith("Co ")
    assert LEGEND.plain.splitlines() == [
        "P  from the authors' paper",
        "C  from their public code or configuration; about.code says where",
        "o  ours; about.differs says why",
        "   no constant of the system: names, places of data, and what changes time and memory only",
    ]

"""The constants of published systems against their authors' public code, row by row.

`published_constants.tsv` has for each constant: the recipe and the path in it; repository, commit, file and line of theirs, and
what stands there; the value of the recipe; and the status: ``equal``; ``same`` in other words or units, which the note says;
or ``differs``, where the note is a part of the recipe's `about.differs`.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from sottovoce.recipe.packaged import known_recipes
from sottovoce.recipe.yaml_file import chain, plain_recipe
from sottovoce.report.recipe_marks import recipe_lines
from sottovoce.runs.recipe import Recipe

TABLE = Path(__file__).with_name("published_constants.tsv")
ROWS = list(csv.DictReader(TABLE.open(encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE))
BY_RECIPE = defaultdict(list)
for each in ROWS:
    BY_RECIPE[each["recipe"]].append(each)
ABOUT = [name for name, path in known_recipes().items() if plain_recipe(path).get("about")]


def full(name):
    data = plain_recipe(known_recipes()[name])
    data.pop("smoke_test", None)
    return Recipe.model_validate(data)


def at(holder, path):
    """The value at a path of the resolved recipe, with stages by their names."""
    for step in path.split("."):
        if isinstance(holder, list) and not step.isdigit():
            stages = [next((kind, o) for kind, o in entry.items() if o is not None) for entry in holder]
            (holder,) = [options for kind, options in stages if (options["name"] or kind) == step]
        else:
            holder = holder[int(step) if isinstance(holder, list) else step]
    return holder


@pytest.mark.parametrize("name", BY_RECIPE)
def test_recipes_are_what_the_authors_ran(name):
    recipe = full(name)
    resolved, told = recipe.resolved(), " ".join(recipe.about.differs)
    for row in BY_RECIPE[name]:
        where, ours, theirs = f"{name} {row['path']}", yaml.safe_load(row["ours"]), yaml.safe_load(row["theirs"])
        assert at(resolved, row["path"]) == ours, where
        if row["status"] == "equal":
            assert number_or_text(ours) == number_or_text(theirs), where
        elif row["status"] == "same":
            assert row["note"], where
            if epoch := re.search(r"epochs? of ([\d,]+) steps", row["note"]):
                assert ours == float(theirs) * int(epoch[1].replace(",", "")), where
            elif row["note"] == "what stays":
                assert float(ours.rstrip("%")) == pytest.approx(100 * (1 - float(theirs))), where
        else:
            assert row["status"] == "differs" and row["note"] and row["note"] in told, where


def number_or_text(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return value.lower() if isinstance(value, str) else value


def test_every_system_with_public_code_has_its_constants_here():
    assert len(ROWS) > 500 and all(int(row["line"]) > 0 and row["file"] and "@" in row["source"] for row in ROWS)
    sources = {row["source"].partition("@")[0] for row in ROWS}
    assert sources == {
        "BUTSpeechFIT/DiariZen",
        "clovaai/aasist",
        "ZXHY-82/w2v-BERT-2.0_SV",
        "espnet/espnet",
        "pyf98/DPHuBERT",
        "zlin0/wedefense",
    }
    # What a recipe takes from code, it names, with the commit that was read.
    for name, rows in BY_RECIPE.items():
        named = " ".join(full(name).about.code)
        assert all(row["source"].partition("@")[0] in named for row in rows), name


@pytest.mark.parametrize("name", ABOUT)
def test_every_constant_has_its_source(name):
    unmarked = [
        f"{path.name}: {line.text.strip()}"
        for path in chain(known_recipes()[name])
        for line in recipe_lines(path.read_text(encoding="utf-8"))
        if line.constant and not line.marks
    ]
    assert unmarked == []

"""README and docs: their Python runs, their commands exist, and they speak of files that are there.

Where a page loads a published checkpoint, a tiny one lies in the working directory under the same name.
"""

from __future__ import annotations

import re
import shlex
import warnings
from pathlib import Path

import pytest
import soundfile
import transformers as tf

from families import FAMILIES, randomize
from stock_models import save
from tiny_models import speech, tiny_model

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CHECKPOINT = "microsoft/wavlm-base-plus"
RECOGNIZER = "me/my-recognizer"
SPEAKER = "me/my-voices"


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def commands(page: Path) -> list[list[str]]:
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.startswith("sottovoce ")]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("docs")
    model = randomize(FAMILIES["wavlm_base"](hidden_size=64, intermediate_size=256))
    model.save_pretrained(place / CHECKPOINT)
    tf.Wav2Vec2FeatureExtractor().save_pretrained(place / CHECKPOINT)
    save("wavlm_base", "CTC", place / RECOGNIZER, hidden_size=64, intermediate_size=256)
    tiny_model().save_pretrained(place / SPEAKER)
    for name in ("one.wav", "two.wav"):
        (place / "calls").mkdir(exist_ok=True)
        soundfile.write(place / "calls" / name, speech(1)[0].numpy(), 16_000)
    return place


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_the_python_of_a_page_runs(page, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    program = "\n".join(blocks(page, "python"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(program, str(page), "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "yaml")], ids=lambda p: p.name)
def test_the_recipes_of_a_page_are_valid(page, tmp_path):
    from sottovoce.runs.recipe_file import read_recipe

    for text in blocks(page, "yaml"):
        (tmp_path / "recipe.yaml").write_text(text)
        read_recipe(tmp_path / "recipe.yaml")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_commands_of_a_page_exist(page):
    from typer.main import get_command

    from sottovoce.cli.app import app

    for words in commands(page):
        group = get_command(app)
        words = words[1:]
        while hasattr(group, "commands") and (words or not getattr(group, "invoke_without_command", False)):
            assert words and words[0] in group.commands, f"{page.name}: no command {words[:1]}"
            group = group.commands[words.pop(0)]
        known = {option for parameter in group.params for option in (*parameter.opts, *parameter.secondary_opts)}
        unknown = [w for w in words if re.match(r"--?[a-z]", w) and w.split("=")[0] not in known | {"--help"}]
        assert not unknown, f"{page.name}: sottovoce {group.name} has no {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_what_a_page_points_to_is_there(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    places = re.findall(r"\]\((?!https?:|#)([^)#]+)", text) + re.findall(
        r"`((?:docs|recipes|benchmarks|tests)/[\w./-]+)`", text
    )
    missing = [p for p in places if not ((page.parent / p).exists() or (ROOT / p).exists())]
    assert not missing, f"{page.name} points to {missing}"

"""The recipes that come along: listed, shown, refused in one line, carried out as a smoke test."""

import pytest

from sottovoce.recipe.packaged import known_recipes
from sottovoce.recipe.yaml_file import plain_recipe


def test_all_published_ones_are_listed(sottovoce, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    said = sottovoce("recipes")
    assert said.code == 0
    published = [name for name, path in known_recipes().items() if plain_recipe(path).get("about")]
    assert len(published) > 20 and all(name in said.out for name in published)


def test_what_is_extended_is_shown_first(sottovoce):
    said = sottovoce("recipes", "show", "synergy-l0-rnnt")
    order = [said.out.index(f"# {name}.yaml") for name in ("hj-size", "synergy-l0-ctc", "synergy-l0-rnnt")]
    assert said.code == 0 and order == sorted(order)


def test_the_margin_is_explained_where_it_has_letters(sottovoce):
    marked, own = (sottovoce("recipes", "show", name, "--marks").out for name in ("aasist", "recognition-commands"))
    assert "\nC  from their public code" in marked and "\nC          taps: 129" in marked
    assert "no letters: no line names a source" in own and "from their public code" not in own
    assert "\n        taps: 129" in sottovoce("recipes", "show", "aasist", "--plain").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "synergy"], "no recipe of that name"),
        (["check", "diarizen"], "no recipe of that name"),
        (["check", "diarizen-base", "--gpu", "A10"], "--gpu A10: unknown"),
    ],
)
def test_unknown_names_are_one_line(sottovoce, arguments, words):
    said = sottovoce("recipes", *arguments)
    assert said.code == 2 and len(said.err.splitlines()) == 1 and words in said.err


def test_a_recipe_is_checked(sottovoce, tmp_path, monkeypatch):
    """A small one of one's own; the large ones differ in nothing but size."""
    monkeypatch.setenv("COLUMNS", "200")
    encoder = "{hidden_size: 16, layers: 2, heads: 2, ffn: 24, conv_channels: [8, 8, 8, 8, 8, 8, 8]}"
    (tmp_path / "mine.yaml").write_text(
        f"extends: {known_recipes()['hybrid-verification'].resolve()}\nencoder: !instead {{config: {encoder}}}\n"
        "task: {verification: {head: {mhfa: {width: 8, heads: 4, size: 16}}}}\nbudget: {params: 90%}\n"
    )
    said = sottovoce("recipes", "check", tmp_path / "mine.yaml", "--gpu", "H100")
    assert said.code == 0, said.err
    assert "one step of every stage was taken" in said.out and "170,625" in said.out and "H100: about" in said.out
    assert sorted(each.name for each in tmp_path.iterdir()) == ["mine.yaml"]


def test_a_folder_of_its_name_does_not_hide_a_recipe(sottovoce, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dphubert").mkdir()
    assert "2305.17651" in sottovoce("recipes", "show", "dphubert").out


def test_toy_scale(sottovoce, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = sottovoce("compress", "hybrid-spoofing", "--smoke-test", "--no-report", "--run", tmp_path / "runs" / "mine")
    assert said.code == 0, said.err
    assert sorted(each.name for each in (tmp_path / "runs").iterdir()) == ["mine"]


@pytest.mark.parametrize("name", ["diarizen-base", "hj-macs"])
def test_recipes_show_marks_what_it_shows(sottovoce, name):
    plain, marked = sottovoce("recipes", "show", name), sottovoce("recipes", "show", name, "--marks")
    assert plain.code == marked.code == 0
    assert known_recipes()[name].read_text().strip() in plain.out and "about.differs says why" not in plain.out
    assert "about.differs says why" in marked.out
    assert any(line.startswith(("PC ", "P  ")) for line in marked.out.splitlines())

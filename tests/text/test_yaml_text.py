"""YAML that was written by hand or by an enemy: bounds, keys twice, files that are none."""

import os
import resource

import pytest

from sottovoce.errors import RecipeError
from sottovoce.recipe.yaml_file import recipe_value
from sottovoce.text.yaml_text import BYTES, DEPTH, VALUES, read_text, yaml_value


def laughs(levels=9, each=10, form="[{}]"):
    lines = ["a0: &a0 [lol]"]
    for k in range(1, levels):
        lines.append(f"a{k}: &a{k} " + form.format(", ".join([f"*a{k - 1}"] * each)))
    return "\n".join(lines)


def test_plain_yaml_is_what_pyyaml_says():
    text = "a: &x {b: [1, 2.5, true, null, 'a # b']}\nc: *x\nd: {<<: *x, e: 1}\n"
    value = {"b": [1, 2.5, True, None, "a # b"]}
    assert yaml_value(text) == {"a": value, "c": value, "d": {**value, "e": 1}}


@pytest.mark.parametrize(
    "text, told",
    [
        (laughs(), f"aliases make more than {VALUES:,} values"),
        (laughs(form="{{x: [{}]}}"), f"aliases make more than {VALUES:,} values"),
        (
            "a0: &a0 {x: 1}\n"
            + "\n".join(f"a{k}: &a{k} {{<<: [{', '.join([f'*a{k - 1}'] * 10)}]}}" for k in range(1, 9)),
            "more than",
        ),
        ("[" * 5000, f"more than {DEPTH} sections"),
        ("- " * 5000 + "x", f"more than {DEPTH} sections"),
        ("{a: " * 5000, f"more than {DEPTH} sections"),
        ("a0: &a0 [1]\n" + "\n".join(f"a{k}: &a{k} [*a{k - 1}]" for k in range(1, 200)), f"more than {DEPTH} sections"),
        ("[" + "1," * (VALUES + 5) + "]", f"more than {VALUES:,} values"),
        ("x" * (BYTES + 1), "at most 1,000,000"),
        ("a: &a [*a]", "part of itself"),
        ("a: 0x" + "f" * 5000, "a number of 5,002 characters"),
        ("a: " + "9" * 5000, "a number of 5,000 characters"),
        ("a: 1" + ":59" * 9_000, "characters"),
        ("a: 1\nb: 2\na: 3", r"line 3: the key 'a' is there already, in line 1"),
        ("x:\n  a: 1\n  'a': 2", r"line 3: the key 'a' is there already, in line 2"),
        ("x: {1: a, 0x1: b}", "the key '1' is there already"),
        ("x: !instead\n  a: 1\n  a: 2", "line 3: the key 'a' is there already, in line 2"),
        ("x: [!same {a: 1, a: 2}]", "the key 'a' is there already"),
        ("x: !also [{a: 1,\n a: 2}]", "line 2: the key 'a' is there already, in line 1"),
        ("? [a, b]\n: 1", "a key must be a word"),
        ("x: !!python/object/apply:os.system [true]", "could not determine a constructor"),
        ('x: !!int ""', "."),
        ("x: =", "."),
        ("x: 2001-99-99", "."),
        ("\x00", "."),
    ],
)
def test_what_no_real_file_says_is_one_line(text, told):
    """Aliases that multiply (billion laughs), endless nesting and repeated keys took all memory, or the second key
    won.
    """
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=told) as caught:
        recipe_value(text)
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 300
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kilobytes


def test_only_small_regular_text_files_are_read(tmp_path):
    """``extends: /dev/zero`` was read without an end."""
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "large", "wb") as file:
        file.truncate(2**30)
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfname: x")
    assert read_text(tmp_path / "bom", RecipeError) == "name: x"
    for name, told in {
        "pipe": "a pipe",
        "large": "1,073,741,824 bytes",
        "": "a folder",
        "/dev/zero": "a device",
        "x" * 5000: "cannot be read",
        "a\0b": "no such file",
    }.items():
        with pytest.raises(RecipeError, match=told):
            read_text(tmp_path / name, RecipeError)

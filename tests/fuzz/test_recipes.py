"""Recipes with something wrong: a refusal of ours, or one that runs; never a traceback, a hang, a flood, a file elsewhere.

Every shipped recipe, as it is and as a smoke test, is spoiled as text and as data, from fixed seeds.
"""

from __future__ import annotations

import copy
import io
import resource
import signal
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from rich.console import Console

from mutations import MUTATIONS
from sottovoce.errors import SottovoceError
from sottovoce.recipe.packaged import known_recipes
from sottovoce.recipe.yaml_file import plain_recipe
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.runs.scaled_down import smoke_test

EACH = 14
"""Spoiled forms of each of the recipes."""

CPU_SECONDS = 60
KILOBYTES = 4_000_000

ODD = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, -(10**12), 1e12, 1e300, float("inf"), float("nan"), -0.0, 1e-300,
    "", " ", "x" * 3000, "../../outside", "/dev/zero", "/", ".", "~", "a\0b", "\ud800", "${HOME}", "${NOT_SET}", "nan", "1e9",
    "NUL", "-x", "ä" * 300, "{}", "*x", "start", "fine_tune", [], {}, [[]], [None], [1, 2, 3, 4], {"a": 1}, {1: 2},
    {None: None},
    ["x"] * 3000, list(range(3000)), [[1, 2], 3], {"x" * 500: {}}, {"prune": None}, {"cuts": "a/b"}, {"synthesize": {}},
]  # fmt: skip


def places(data, path=()):
    """Every place in plain data, as a path of keys."""
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        yield (*path, key)
        yield from places(value, (*path, key))


def at(data, path):
    for key in path:
        data = data[key]
    return data


def odd_value(data, random):
    path = list(places(data))
    path = path[random.integers(len(path))]
    at(data, path[:-1])[path[-1]] = copy.deepcopy(ODD[random.integers(len(ODD))])


def odd_number(data, random):
    found = [path for path in places(data) if isinstance(at(data, path), int | float)]
    path = found[random.integers(len(found))]
    factor = [0, -1, 1e3, 1e6, 1e12, 1e100, 0.001, 1e-12, float("nan"), float("inf")][random.integers(10)]
    try:
        at(data, path[:-1])[path[-1]] = type(at(data, path))(at(data, path) * factor)
    except (ValueError, OverflowError):
        at(data, path[:-1])[path[-1]] = at(data, path) * factor


def rename(data, random):
    found = [path for path in places(data) if isinstance(path[-1], str)]
    path = found[random.integers(len(found))]
    section, key = at(data, path[:-1]), path[-1]
    others = [key[::-1], key[:-1], key + "s", key.upper(), "../" + key, "name", "extends", "", "x\ny", "smoke_test"]
    section[others[random.integers(len(others))]] = section.pop(key)


def drop(data, random):
    found = list(places(data))
    path = found[random.integers(len(found))]
    del at(data, path[:-1])[path[-1]]


def swap(data, random):
    found = list(places(data))
    first, second = (found[k] for k in random.integers(len(found), size=2))
    if first[: len(second)] != second and second[: len(first)] != first:
        a, b = at(data, first), at(data, second)
        at(data, first[:-1])[first[-1]], at(data, second[:-1])[second[-1]] = copy.deepcopy(b), copy.deepcopy(a)


def nest(data, random):
    found = list(places(data))
    path = found[random.integers(len(found))]
    value = at(data, path)
    for _ in range(int(random.choice([2, 90, 200]))):
        value = [value] if random.random() < 0.5 else {"a": value}
    at(data, path[:-1])[path[-1]] = value


def repeat(data, random):
    data["stages"] = data["stages"] * int(random.choice([2, 50, 3000]))


CHANGES = (odd_value, odd_value, odd_number, odd_number, odd_number, rename, rename, drop, swap, nest, repeat)


def spoiled_text(text, random):
    """A recipe spoiled as text."""
    lines, kind = text.splitlines(), random.integers(6)
    k = int(random.integers(len(lines)))
    if kind == 0:  # a line twice
        return "\n".join([*lines[: k + 1], *lines[k:]])
    if kind == 1:
        aliases = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]" for n in range(9)]
        return "\n".join([*aliases, *lines])
    if kind == 2:
        return text.replace(" ", "  " if random.random() < 0.5 else "\t", int(random.integers(1, 20)))
    if kind == 3:
        tags = ["!same ", "!also ", "!instead ", "!!python/name:os.system ", "&x ", "*x ", "? ", "- ", "[" * 3000]
        other = tags[random.integers(len(tags))]
        name, colon, rest = lines[k].partition(": ")
        return "\n".join([*lines[:k], f"{name}{colon}{other}{rest}", *lines[k + 1 :]])
    if kind == 4:
        names = [
            "/dev/zero",
            "pipe",
            ".",
            "recipe.yaml",
            "demo",
            "../x",
            ["demo", "demo"],
            {"a": 1},
            "nothing",
            "x" * 5000,
        ]
        return yaml.safe_dump({"extends": names[random.integers(len(names))]}) + text
    return MUTATIONS[random.integers(len(MUTATIONS))](text.encode(), random)


@cache
def shipped(name):
    return plain_recipe(known_recipes()[name])


def spoiled(data, random):
    """The bytes of a recipe with one to three things wrong."""
    if random.random() < 0.3:
        found = spoiled_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), random)
        return found if isinstance(found, bytes) else found.encode()
    data = copy.deepcopy(data)
    for _ in range(int(random.integers(1, 4))):
        CHANGES[random.integers(len(CHANGES))](data, random)
    try:
        return yaml.safe_dump(data, sort_keys=False).encode(errors="surrogatepass")
    except RecursionError:
        return b"a: " + b"[" * 2000


class Hang(BaseException):
    pass


class Enough(Exception):
    """Raised before the first stage: all checks are done."""


def before_training(name, work):
    raise Enough


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(known_recipes()))
def test_a_spoiled_recipe_is_refused_or_runs(name, tmp_path, monkeypatch):
    random = np.random.default_rng([10, sorted(known_recipes()).index(name)])
    place = tmp_path / "in/here"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)

    def hang(*_):
        raise Hang

    signal.signal(signal.SIGVTALRM, hang)
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    small = smoke_test(shipped(name), tmp_path / "run" / "stand-ins")
    (tmp_path / "run").mkdir(exist_ok=True)
    (tmp_path / "run" / "smoke_test.yaml").write_text(yaml.safe_dump(small))
    corpora = read_recipe(tmp_path / "run" / "smoke_test.yaml").data.corpora
    synthetic = all(corpus.kind == "synthesize" for corpus in corpora.values())
    carried_out = 0
    for number in range(EACH):
        base = small if number % 2 else shipped(name)
        path = place / "recipe.yaml"
        path.write_bytes(content := spoiled(base, random))
        keep = tmp_path / "failing.yaml"
        keep.write_bytes(content)  # where it can be looked at if the test fails
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
        try:
            recipe = read_recipe(path)
            # Only with the corpora of a smoke test: to synthesize those of another takes the minutes that it says it takes.
            if carried_out < 1 and recipe.data.corpora == corpora and synthetic:
                carried_out += 1
                compress(recipe, tmp_path / "run", console=Console(file=io.StringIO()), around=before_training)
        except (SottovoceError, Enough) as error:
            lines = str(error).splitlines()
            assert len(lines) < 60 and all(len(line) < 3000 for line in lines)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        assert sorted(each.name for each in place.iterdir()) == ["recipe.yaml"]
        assert {each.name for each in tmp_path.iterdir()} <= {"in", "run", "failing.yaml"}
        assert [each.name for each in Path("..").iterdir()] == ["here"]
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began < KILOBYTES

"""One file and one row, proved from outside: a distribution of somebody else adds one of each kind of thing to sottovoce.

`distribution/whispers/` is that package; its metadata lies beside it, so the folder on the path is as good as installed.
A test of what a module there adds is also the checklist for who adds one. All of it happens in one process of its own
(`walkthrough.py`), so that no other test sees the package.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from own_modules import ROOT, modules, tree

HERE = Path(__file__).parent
PACKAGE = HERE / "distribution" / "whispers"

ELSEWHERE = """
import sys
sys.modules["sottovoce"] = sys.modules["whispers"] = None
import torch
from transformers import AutoModel
model = AutoModel.from_pretrained(sys.argv[1], trust_remote_code=True).eval()
wave, output = torch.load(sys.argv[2])
assert torch.equal(model(wave).output, output)
"""


def python(*arguments: str | Path, path: tuple[Path, ...] = (), **environment: str) -> None:
    """Run a script; its stderr is the failure."""
    places = os.pathsep.join(map(str, [*path, ROOT / "src", os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": places, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("extension")
    python(HERE / "walkthrough.py", place, path=(HERE / "distribution",))
    return place


@pytest.fixture
def found(folder, request):
    """What a step of the walkthrough found: the one that the test names."""
    result = json.loads((folder / "found.json").read_text())[request.param]
    assert not (isinstance(result, dict) and "failed" in result), result["failed"]
    return result


def one_line(printed: str) -> str:
    """The only line of what a command has printed."""
    return " ".join(printed.split())


def of(step: str):
    return pytest.mark.parametrize("found", [step], indirect=True, ids=[""])


@of("corpus")
def test_a_layout_is_imported(found):
    assert found["files"] == ["test.jsonl.gz", "train.jsonl.gz"], found["said"]
    assert "bad.txt line 1: 1 parts" in found["faulty"]


@of("synthesis")
def test_a_corpus_is_synthesized(found):
    """Of the length and the speakers asked for, and again inside the recipe, which trains on it."""
    assert found["cuts"] == [[0.5, "low"], [0.5, "high"]], found["said"]
    assert "did you mean '--seconds'?" in found["faulty"]


@of("broken")
def test_what_cannot_be_imported_is_named_where_it_is_asked_for(found):
    """The package has a broken extension of each kind: every other test passes with it, and these are told why not."""
    reason = "of whispers cannot be used (RuntimeError: two lines of one fault); update or uninstall that package"
    for place in ("task", "head", "stage", "layout"):
        assert f"the {place} 'broken_{place}' {reason}" in one_line(found[place]), place
    assert (
        "stages[0]: the stage 'no_stage' of whispers cannot be used (TypeError: it is no subclass" in found["no stage"]
    )
    assert f"the head 'broken_head' {reason}" in one_line(found["config"])


@of("broken")
def test_what_cannot_be_imported_is_a_warning_beside_the_lists_of_names(found):
    usage = found["help"].split("Usage:")[1]
    for kind in ("task", "head", "stage"):
        assert f"the {kind} 'broken_{kind}' of whispers cannot be used" in one_line(found["help"])
        assert f"broken_{kind}" not in usage
    assert "accent" in usage


@of("family")
def test_a_family_loads_as_its_stock_class_computes_and_goes_back(found):
    assert found["family"] == "murmur" and found["back"] == "MurmurModel"
    assert found["difference"] < 1e-4


@of("recipe")
def test_all_of_it_works_in_a_recipe(found):
    task = found["recipe"]["task"]["accent"]
    assert task["head"]["lobed_pooling"] == {"temperature": 2.0, "lobes": 12, "size": 8}
    corpus = found["recipe"]["data"]["corpora"]["ledger"]["import"]
    assert (corpus["layout"], corpus["separator"]) == ("ledger", "|")
    assert [next(iter(stage)) for stage in found["recipe"]["stages"]] == ["fine_tune", "halve", "slim"]
    assert "accent accuracy" in found["said"] and "slim network equals the gated one" in found["said"]


@of("model")
def test_the_model_is_smaller_by_what_stage_and_unit_kind_say(found):
    assert found["task"] == "accent" and found["labels"] == ["high", "low"] and found["outputs"] == [2, 2]
    assert found["ffn"] == [12, 12]  # of 24
    ((name, lobes),) = found["lobes"].items()
    assert name.endswith("mix.lobes") and 0 < lobes < 12 and lobes % 2 == 0  # the kind is rounded to pairs
    assert found["head"]["embedding"]["lobes"] == 12  # what it was built with; the shape says what is left


@of("model")
def test_the_cost_counts_it(found):
    assert found["params"] == found["numel"]


@of("inspection")
def test_inspect_shows_what_it_costs(found):
    """The family's layers and the head's lobes with their widths; the head is smaller by 4 lobes of 16 + 1 + 8 parameters."""
    assert "layer 1" in found["table"] and "lobes" in found["table"]
    (lobes,) = (width for layer in found["json"]["layers"] for width in layer["widths"] if "lobes" in width["path"])
    assert lobes["of"] - lobes["kept"] == 4
    now, before = (found["json"][key]["parts"]["head"]["params"] for key in ("total", "original"))
    assert before - now == 4 * (16 + 1 + 8)


@of("report")
def test_the_report_shows_it(found):
    for word in ("halve", "accuracy", "lobes"):
        assert word in found


@of("help_texts")
def test_the_help_lists_it(found):
    for name in ("accent", "halve", "lobed_pooling", "plain_mean"):
        assert name in found["compress"]
    assert "lobe" in found["prune"].split("Known:")[1]
    assert "ledger" in found["data import"]


@of("portable")
def test_a_portable_copy_refuses_a_head_that_it_cannot_carry_by_name(found):
    assert "lobed_pooling" in found["refusal"] and "whispers.lobes" in found["refusal"]


@of("portable")
def test_a_portable_copy_carries_a_head_in_one_file_and_runs_without_both_packages(found, folder, tmp_path):
    assert "plain_mean.py" in found["files"]
    python("-c", ELSEWHERE, folder / "portable", folder / "expected.pt", HF_MODULES_CACHE=str(tmp_path))


def test_no_module_of_ours_knows_the_package():
    assert [name for name, path in modules().items() if re.search("(from|import) whispers", path.read_text())] == []


def test_the_package_writes_into_nothing_of_ours():
    """No assignment to an attribute or a key of what it has imported, and nothing private is read."""
    for path in sorted(PACKAGE.glob("*.py")):
        imported = {
            (alias.asname or alias.name).partition(".")[0]
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert not [name for name in imported if name.startswith("_")], path
        for node in ast.walk(tree(path)):
            targets = node.targets if isinstance(node, ast.Assign) else []
            for target in targets:
                if isinstance(target, ast.Attribute | ast.Subscript) and isinstance(target.value, ast.Name):
                    assert target.value.id not in imported, f"{path}: line {node.lineno}"

"""Uses everything that the distribution beside it adds, in one process; writes what each step found as JSON.

    python walkthrough.py FOLDER

Run with ``distribution/`` on the path. A step that fails writes its traceback and leaves the others to themselves.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import yaml

from sottovoce import cost
from sottovoce.cli.app import main
from sottovoce.data.corpora.cuts import cut_field, read_cuts
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.units import collect
from sottovoce.errors import SottovoceError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel

FOLDER = Path(sys.argv[1])
LEDGER, MURMUR, RUN = FOLDER / "ledger.txt", FOLDER / "murmur", FOLDER / "run"


def text_of(*command: str) -> str:
    """What the command line prints, errors included."""
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed), suppress(SystemExit):
        main(list(command))
    return printed.getvalue()


def help_of(*command: str) -> str:
    """The help of a command, in one line."""
    return " ".join(text_of(*command, "--help").split())


def help_texts() -> dict[str, str]:
    return {name: help_of(*name.split()) for name in ("compress", "prune", "data import")}


def corpus() -> dict[str, Any]:
    """Noise of two colors, low and high, as two accents."""
    random = np.random.default_rng(0)
    lines = []
    for split in ("train", "test"):
        for number in range(6):
            accent = ("low", "high")[number % 2]
            noise = random.normal(size=4000).cumsum() if accent == "low" else np.diff(random.normal(size=4001))
            soundfile.write(FOLDER / (name := f"{split}-{number}.wav"), 0.1 * noise / noise.std(), 16_000)
            lines.append(f"{name} | s{number} | {accent}")
    LEDGER.write_text("\n".join(lines) + "\n")
    said = text_of("data", "import", "ledger", str(LEDGER), "--out", str(FOLDER / "cuts"), "--set", "separator=|")
    (FOLDER / "bad.txt").write_text("one part\n")
    faulty = text_of("data", "import", "ledger", str(FOLDER / "bad.txt"), "--out", str(FOLDER / "none"))
    return {"said": said, "faulty": faulty, "files": sorted(path.name for path in (FOLDER / "cuts").glob("*"))}


def synthesis() -> dict[str, Any]:
    """A synthetic corpus for the task of the package, made by the command; and with an option that it does not have."""
    out = FOLDER / "colors"
    said = text_of("data", "synthesize", "accent", "--out", str(out), "--set", "seconds=0.5", "--speakers-train", "2")
    faulty = text_of("data", "synthesize", "accent", "--out", str(FOLDER / "none"), "--set", "secnods=0.5")
    cuts = list(read_cuts(out / "train.jsonl.gz"))
    return {"said": said, "faulty": faulty, "cuts": [(cut.duration, cut_field(cut, "accent")) for cut in cuts]}


def broken() -> dict[str, Any]:
    """What is said where an extension that cannot be imported is asked for, and where it stands in a list."""
    data = yaml.safe_load((FOLDER / "recipe.yaml").read_text())
    found = {}
    for name, changes in {
        "task": {"task": "broken_task"},
        "head": {"task": {"accent": {"head": "broken_head"}}},
        "stage": {"stages": ["broken_stage"]},
        "no stage": {"stages": ["no_stage"]},
        "layout": {"data": data["data"] | {"corpora": {"x": {"import": {"path": ".", "layout": "broken_layout"}}}}},
    }.items():
        path = FOLDER / "broken.yaml"
        path.write_text(yaml.safe_dump(data | changes))
        found[name] = text_of("compress", str(path), "--run", str(FOLDER / "no run"))
    found["config"] = text_of("inspect", str(model_with_head("broken_head")))
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # the tests run this file without warnings
        found["help"] = text_of("compress", "--help")
    return found


def model_with_head(kind: str) -> Path:
    """A model directory whose config names another head."""
    place = FOLDER / "other head"
    shutil.copytree(RUN / "models" / "slim", place, dirs_exist_ok=True)
    config = json.loads((place / "config.json").read_text())
    config["head"] = {"kind": kind}
    (place / "config.json").write_text(json.dumps(config))
    return place


def family() -> dict[str, Any]:
    """A stock model of the new family, and how far ours is from it."""
    from whispers.murmur import MurmurConfig, MurmurModel

    torch.manual_seed(0)
    config = MurmurConfig(
        hidden_size=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        intermediate_size=24,
        conv_dim=[8] * 7,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
    )
    stock = MurmurModel(config).eval()
    stock.save_pretrained(MURMUR)
    ours = SpeechEncoder.from_pretrained(MURMUR).eval()
    wave = torch.randn(1, 4000)
    with torch.no_grad():
        theirs = stock((wave - wave.mean()) / (wave.var(unbiased=False) + 1e-7).sqrt()).last_hidden_state
        difference = (ours(wave).last_hidden_state - theirs).abs().max().item()
    return {"family": ours.config.family, "difference": difference, "back": type(ours.to_transformers()).__name__}


def recipe() -> dict[str, Any]:
    """A run in which all of it works together."""
    head = {"lobed_pooling": {"temperature": 2.0, "lobes": 12}}
    lobes = {"kinds": ["lobe"], "scope": "model", "budget": {"params": 0.99, "reference": "current"}, "evaluate": False}
    data = {
        "name": "whispers",
        "encoder": {"from": str(MURMUR)},
        "task": {"accent": {"head": head}},
        "data": {
            "corpora": {
                "ledger": {"import": {"path": str(LEDGER), "layout": "ledger", "separator": "|"}},
                "colors": {"synthesize": {"task": "accent", "speakers_train": 2}},
            },
            "train": ["ledger/train", "colors/train"],
            "test": {"others": {"cuts": "ledger/test"}},
            "hold_out": 0,
            "batch": 2,
            "crop": 0.2,
        },
        "compute": {"accelerator": "cpu", "threads": 1},
        "stages": [{"fine_tune": {"steps": 2}}, {"halve": {"part": 0.5}}, {"slim": lobes}],
    }
    (FOLDER / "recipe.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    said = text_of("compress", str(FOLDER / "recipe.yaml"), "--run", str(RUN))
    assert (RUN / "recipe.yaml").exists(), said
    return {"said": said, "recipe": yaml.safe_load((RUN / "recipe.yaml").read_text())}


def model() -> dict[str, Any]:
    """The model that the run ended with."""
    small = TaskModel.from_pretrained(RUN / "models" / "slim").eval()
    units = collect(small).units
    return {
        "head": small.config.head,
        "task": small.config.task,
        "labels": small.config.labels,
        "outputs": list(small(torch.randn(2, 4000)).output.shape),
        "ffn": [unit.size for unit in units.values() if unit.kind == "ffn"],
        "lobes": {unit.name: unit.size for unit in units.values() if unit.kind == "lobe"},
        "params": cost(small, seconds=1.0).params,
        "numel": sum(each.numel() for each in small.parameters()),
    }


def inspection() -> dict[str, Any]:
    place = str(RUN / "models" / "slim")
    return {"table": text_of("inspect", place), "json": json.loads(text_of("inspect", place, "--json"))}


def report() -> str:
    return (RUN / "report.html").read_text(encoding="utf-8")


def portable() -> dict[str, Any]:
    """A copy with a head that needs another module of its package is refused; one with a head in a file is whole."""
    place = FOLDER / "portable"
    lobed = TaskModel.from_pretrained(RUN / "models" / "slim")
    try:
        lobed.save_pretrained(FOLDER / "refused", portable=True)
        refusal = None
    except SottovoceError as error:
        refusal = str(error)
    torch.manual_seed(0)
    config = TaskConfig(
        encoder=lobed.config.encoder, head={"kind": "plain_mean", "size": 5}, scoring="cosine", task="verification"
    )
    plain = TaskModel(config).eval()
    plain.save_pretrained(place, portable=True)
    wave = torch.randn(2, 4000)
    torch.save((wave, plain(wave).output.detach()), FOLDER / "expected.pt")
    return {"refusal": refusal, "files": sorted(path.name for path in place.iterdir())}


STEPS: tuple[Callable[[], Any], ...] = (
    help_texts,
    corpus,
    synthesis,
    family,
    recipe,
    broken,
    model,
    inspection,
    report,
    portable,
)


def walk() -> None:
    found: dict[str, Any] = {}
    for step in STEPS:
        try:
            found[step.__name__] = step()
        except BaseException:  # whatever it is, the test of this step shows it
            found[step.__name__] = {"failed": traceback.format_exc()}
    (FOLDER / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    walk()

"""What commands with a model do not import: all that takes long and that inference does without."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim
from tiny_models import randomized, tiny_config, tiny_model

SLOW = (
    "accelerate",
    "lhotse",
    "lightning",
    "matplotlib",
    "peft",
    "scipy.fft",
    "scipy.linalg",
    "scipy.optimize",
    "torch._dynamo",
    "torch.distributed.tensor",
    "transformers.modeling_utils",
    "transformers.models",
)
"""Together these take longer than torch and transformers alone."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    tiny_model().save_pretrained(folder / "verification")
    slim(tiny_model(), Plan.to_shape(tiny_model(), {"head": [1, 1]})).save_pretrained(folder / "slim")
    head = {"kind": "classifier", "embedding": {"kind": "mhfa", "width": 8, "heads": 2, "size": 6}, "classes": 2}
    config = TaskConfig(tiny_config(), head=head, task="spoofing", scoring="llr", labels=["spoof", "bonafide"])
    randomized(TaskModel(config)).save_pretrained(folder / "spoofing")
    return folder


@pytest.mark.parametrize("command", ["verify", "detect", "inspect"])
def test_inference_does_without_what_is_slow_to_import(command, place, speech):
    wave = str(speech / "0.wav")
    arguments = {
        "verify": ["verify", str(place / "verification"), wave, wave],
        "detect": ["detect", str(place / "spoofing"), wave],
        "inspect": ["inspect", str(place / "slim")],  # its cost before pruning is counted, too
    }
    program = f"""
import sys
from sottovoce.cli import main
try:
    main({arguments[command]!r})
finally:
    print("SLOW", [m for m in {SLOW!r} if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0 and "SLOW []" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("command", [["recipes"], ["recipes", "show", "demo"], ["--help"]])
def test_what_only_reads_recipes_does_without_torch(command):
    program = f"""
import sys
from sottovoce.cli import main
try:
    main({command!r})
finally:
    print("TORCH", "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0 and "TORCH False" in done.stdout, done.stdout + done.stderr

"""A pooling head of another package: one file and one entry point, found wherever heads are chosen, built and saved."""

import os
import subprocess
import sys
import textwrap

import pytest

from sottovoce.encoder.loading.portable_files import portable_code
from sottovoce.errors import CheckpointError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel

PEAKS = '''
"""The largest value of each channel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sottovoce.encoder.stream import ResidualStream
from sottovoce.encoder.units import MacTerm, Unit
from sottovoce.encoder.layers.frame_masks import mask_if_padded
from sottovoce.heads.layer_sum_head import LayerSumHead
from sottovoce.heads.head import Embedder
from sottovoce.heads.options import Width


class Peaks(LayerSumHead, Embedder):
    """Largest values over time.

    Args:
        stream, layers: see `Head`.
        width: of the embedding.
    """

    def __init__(self, stream: ResidualStream, layers: int, *, width: Width = 12):
        super().__init__(stream, layers, "sum")
        self.project = nn.Linear(stream.width, width)

    @property
    def size(self) -> int:
        return self.project.out_features

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        x = self.project(self.fused(hidden_states))
        mask = mask_if_padded(lengths, x.shape[1])
        return (x if mask is None else x.masked_fill(~mask[..., None], -math.inf)).amax(1)

    def units(self) -> list[Unit]:
        return [self.stream.part(reads=["project.weight"])]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: timing.frames, "project.weight")]
'''

USE = """
import sys
import torch
from sottovoce.pruning.costs import cost
from sottovoce.report.inspection import inspect
from sottovoce.runs.recipe import TaskChoice
from sottovoce.models.task_model import TaskModel
from tiny_models import randomized, speech, tiny_config

task = TaskChoice.model_validate({"verification": {"head": {"peaks": {"width": 9}}}}).options
model = randomized(TaskModel(task.config(tiny_config()))).eval()
assert model.config.head == {"kind": "peaks", "width": 9} and model.config.auto_class == "AutoModelForAudioXVector"
assert model(speech()).embeddings.shape == (2, 9)
assert cost(model, seconds=1.0).params == sum(p.numel() for p in model.parameters())
assert inspect(model)
model.save_pretrained(sys.argv[1], portable=True)
again = TaskModel.from_pretrained(sys.argv[1])
assert torch.equal(again(speech()).output, model(speech()).output)
torch.save((speech(), model(speech()).output.detach()), sys.argv[2])
"""

ELSEWHERE = """
import sys
sys.modules["sottovoce"] = sys.modules["peaks"] = None
import torch
from transformers import AutoModel
model = AutoModel.from_pretrained(sys.argv[1], trust_remote_code=True).eval()
waves, output = torch.load(sys.argv[2])
assert torch.equal(model(waves).output, output)
"""


def run(script, *arguments, path=()):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*map(str, path), *sys.path]),
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_it_is_chosen_built_counted_saved_and_shipped(tmp_path, monkeypatch):
    place = tmp_path / "installed"
    (info := place / "peaks-1.dist-info").mkdir(parents=True)
    (place / "peaks.py").write_text(PEAKS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: peaks\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[sottovoce.heads]\npeaks = peaks:Peaks\n")
    run(USE, tmp_path / "model", tmp_path / "output", path=[place])
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    run(ELSEWHERE, tmp_path / "model", tmp_path / "output")


def imported(tmp_path, monkeypatch, name, text):
    """A class ``Other`` of a module that was just written."""
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(text) + "\n\nclass Other:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    scope = {}
    exec(f"from {name} import Other", scope)
    return scope["Other"]


def test_a_shipped_file_imports_from_beside(tmp_path, monkeypatch):
    other = imported(
        tmp_path, monkeypatch, "beside", "from sottovoce.encoder.layers.frame_masks import frame_mask\nimport math\n"
    )
    code = portable_code([TaskConfig, TaskModel], {"sottovoce.heads": {"other": other}})
    assert "from .frame_masks import frame_mask" in code["beside.py"] and "sottovoce" not in code["beside.py"]
    assert "from .beside import Other" in code["shipped.py"] and "'other': Other" in code["shipped.py"]
    assert set(portable_code([TaskConfig, TaskModel], {})) == set(code) - {"beside.py"}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("needs_numpy", "import numpy", "line 1 imports numpy"),
        ("needs_all", "import sottovoce.heads.frames", "line 1 imports sottovoce.heads.frames"),
        ("needs_sibling", "def late():\n    from .sibling import X", "line 2 imports .sibling"),
        ("needs_room", "from sottovoce.tasks.task import Task", "sottovoce.tasks.task, which is not shipped"),
        ("frames", "import math", "its file frames.py has the name of one of sottovoce's"),
    ],
)
def test_what_cannot_be_shipped_is_refused_by_name(tmp_path, monkeypatch, name, text, told):
    other = imported(tmp_path, monkeypatch, name, text)
    with pytest.raises(CheckpointError, match=rf"other \({name}.Other\) cannot be in a portable copy: .*{told}"):
        portable_code([TaskConfig, TaskModel], {"sottovoce.heads": {"other": other}})

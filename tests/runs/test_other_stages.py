"""A stage that another package adds by an entry point, in a process of its own: in the help, in a recipe, in the checks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.costs import cost
from toy_recipe import toy, write

STAGE = '''
from typing import ClassVar

import torch

from sottovoce.encoder.units import collect
from sottovoce.pruning.planning.plans import choose
from sottovoce.pruning.planning.scores import Scores
from sottovoce.recipe.shrinking_options import SlimmingOptions
from sottovoce.runs.stages.context import StageContext, StageResult
from sottovoce.runs.stages.plan_execution import carry_out_plan


class RandomCut(SlimmingOptions):
    """Remove elements at random: what any score has to be better than."""

    on_card: ClassVar[tuple[str, ...]] = ("draw", "budget")

    draw: int = 0

    def run(self, at: StageContext) -> StageResult:
        model = at.start_model(self)
        part = self.shrinking_part(model)
        generator = torch.Generator().manual_seed(self.draw)
        units = {name: unit.size for name, unit in collect(part).units.items() if unit.kind in self.kinds}
        scores = Scores({name: torch.rand(size, generator=generator) for name, size in units.items()})
        plan = choose(part, at.budget(self), scores, **self.rounding())
        small, proof = carry_out_plan(at, model, part, plan)
        return StageResult(small, at.start_objective(self, model), {"draw": self.draw, **proof})
'''


@pytest.fixture
def run(tmp_path):
    """Runs Python with a distribution on its path that declares the stage ``random_cut``."""
    package = tmp_path / "site"
    info = package / "cuts_for_sottovoce-1.0.dist-info"
    info.mkdir(parents=True)
    (package / "cuts_for_sottovoce.py").write_text(STAGE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cuts-for-sottovoce\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sottovoce.stages]\nrandom_cut = cuts_for_sottovoce:RandomCut\n")
    source = Path(__file__).parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{source}", "COLUMNS": "200"}

    def run(*arguments):
        command = [sys.executable, "-W", "ignore", *map(str, arguments)]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)

    return run


@pytest.mark.slow
def test_recipe(run, tmp_path):
    (tmp_path / "corpus").mkdir()
    cut = {"random_cut": {"draw": 7, "kinds": ["ffn"], "budget": {"params": 0.8}, "round_to": 1}}
    data = toy(tmp_path / "corpus", stages=[{"fine_tune": {"steps": 1}}, cut])
    done = run(
        "-m", "sottovoce", "compress", write(data, tmp_path / "toy.yaml"), "--run", "run", "--no-report"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "run/stages/random_cut.json").read_text())
    assert results["draw"] == 7 and results["equality"] < 1e-9
    before, after = (TaskModel.from_pretrained(str(tmp_path / "run/models" / name)) for name in ("start", "random_cut"))
    assert cost(after.encoder).params <= 0.8 * cost(before.encoder).params
    card = (tmp_path / "run/models/random_cut/README.md").read_text()
    assert "random_cut: draw 7, budget params 0.8" in card

    # The check before the first stage knows what the stage leaves; faults in its options are named like any others.
    again = {"slim": {"name": "again", "kinds": ["ffn"], "budget": {"params": 0.9}, "round_to": 1}}
    write(data | {"stages": [*data["stages"], again]}, tmp_path / "twice.yaml")
    done = run("-m", "sottovoce", "compress", "twice.yaml", "--run", "other", "--no-report")
    assert done.returncode == 2 and "stages[1].random_cut leaves" in done.stderr
    write(data | {"stages": [{"random_cut": {"drew": 7}}]}, tmp_path / "wrong.yaml")
    done = run("-m", "sottovoce", "compress", "wrong.yaml", "--run", "other", "--no-report")
    assert done.returncode == 2 and "stages[0].random_cut.drew: unknown; did you mean 'draw'?" in done.stderr


@pytest.mark.slow
def test_check_and_help(run, tmp_path):
    (tmp_path / "corpus").mkdir()
    data = toy(tmp_path / "corpus", stages=[{"random_cut": {"kinds": ["ffn"], "budget": {"params": 0.8}}}])
    write(data, tmp_path / "toy.yaml")
    done = run("-m", "sottovoce", "recipes", "check", "toy.yaml")
    assert done.returncode == 0 and "random_cut" in done.stdout, done.stderr
    assert "random_cut" in run("-m", "sottovoce", "compress", "--help").stdout

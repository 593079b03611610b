"""A published recipe is checked without its corpus: every stage takes a step of its real network."""

import sys

import pytest
import torch
from rich.console import Console

from sottovoce.encoder.model import SpeechEncoder
from sottovoce.pruning.costs import cost
from sottovoce.recipe.encoder_options import EncoderOptions, new_config
from sottovoce.recipe.packaged import known_recipes
from sottovoce.recipe.yaml_file import plain_recipe
from sottovoce.report.tables.recipe_checks import check_table
from sottovoce.runs.recipe_check import GPUS, UTILIZATION, check_recipe
from sottovoce.runs.scaled_down import smoke_test
from sottovoce.training.loop import TrainingModule

SMALL = {
    "hidden_size": 16, "layers": 12, "heads": 2, "ffn": 24, "conv_channels": [8] * 7, "positional_groups": 2,
    "positional_taps": [16],
}  # fmt: skip

CONFIG = new_config(EncoderOptions.model_validate({"config": SMALL}).config)

RECIPE = """
extends: {published}
encoder: !instead {{config: {config}}}
task:
  verification:
    head: {{ecapa_tdnn: {{channels: 16, wide: 24, bottleneck: 8, size: 16, pooling: {{channel_attentive: {{bottleneck: 8}}}}}}}}
"""


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("check")
    recipe = folder / "small.yaml"
    recipe.write_text(RECIPE.format(published=known_recipes()["espnet-ecapa"].resolve(), config=SMALL))
    told = []
    return recipe, check_recipe(recipe, folder, told.append), told


def test_every_stage_takes_a_step_and_is_told_at_full_scale(checked):
    _, (frozen, joint), told = checked
    assert told == [frozen.name, joint.name] == ["frozen", "joint"]
    assert all(stage.steps > 1000 and stage.batch > 32 and stage.seconds > 0 for stage in (frozen, joint))
    size = 4 * sum(p.numel() for p in SpeechEncoder(CONFIG).parameters())
    assert all(stage.peak > size for stage in (frozen, joint)) or sys.platform != "linux"
    encoder = SpeechEncoder(CONFIG)
    assert joint.params == cost(encoder).params == sum(p.numel() for p in encoder.parameters())
    # Nothing goes back through a frozen encoder; recomputation is one more pass forward.
    assert frozen.macs / frozen.batch == pytest.approx(cost(encoder, frozen.crop).macs)
    assert joint.macs / joint.batch == pytest.approx(4 * cost(encoder, joint.crop).macs)
    assert joint.crop == joint.duration > frozen.crop == frozen.duration


EVERY_KIND = """
extends: {published}
name: every-kind
encoder: !instead {{config: {config}}}
task: {{verification: {{head: {{mhfa: {{width: 8, heads: 4, size: 16}}}}}}}}
data: {{batch: 128}}
budget: {{params: 80%}}
stages:
  - adapt: {{steps: 1_000, rank: 2, targets: [attention.q], recompute: true}}
  - fine_tune: {{steps: 2_000}}
  - factorize: {{}}
  - prune:
      steps: 3_000
      kinds: [rank, ffn]
      distillation: {{teacher: fine_tune}}
      recompute: true
      accumulate: 2
      round_to: 1
  - distill: {{steps: 4_000, distillation: {{teacher: fine_tune}}}}
"""


@pytest.mark.slow
def test_stages_of_every_kind_take_a_step_as_the_recipe_says(tmp_path, monkeypatch):
    recipe = tmp_path / "every.yaml"
    recipe.write_text(EVERY_KIND.format(published=known_recipes()["hybrid-verification"].resolve(), config=SMALL))
    seen = []
    step = TrainingModule.training_step

    def watched(self, *arguments):
        precision = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32
        seen.append(
            (self.training_setup.name, self.training_setup.steps, precision, self.model.is_gradient_checkpointing)
        )
        return step(self, *arguments)

    monkeypatch.setattr(TrainingModule, "training_step", watched)
    (tmp_path / "check").mkdir()
    found = {stage.name: stage for stage in check_recipe(recipe, tmp_path / "check")}
    assert list(found) == ["adapt", "fine_tune", "factorize", "prune", "distill"]
    recomputed = {"adapt": True, "fine_tune": False, "prune": True, "distill": False}
    assert seen == [(name, 1, torch.bfloat16, again) for name, again in recomputed.items()]
    whole = cost(SpeechEncoder(CONFIG), 3.0)
    assert found["prune"].batch == 256 and found["distill"].batch == 128 and found["factorize"].steps == 0
    # Forward and back, and the teacher forward; what is pruned is in factors, and recomputes.
    factored = found["prune"].macs / 256 - whole.macs
    assert factored > 4 * whole.macs and found["prune"].params > whole.params
    assert found["distill"].params <= 0.8 * whole.params
    assert whole.macs < found["distill"].macs / 128 < 4 * whole.macs
    assert found["fine_tune"].macs / 128 == pytest.approx(3 * whole.macs)
    assert found["factorize"].macs == 0


def test_stand_ins_are_the_same_each_time_and_whole(tmp_path):
    for place in ("a", "b"):
        smoke_test(plain_recipe(known_recipes()["hybrid-spoofing"]), tmp_path / place)
    (one,), (other,) = (list((tmp_path / place).rglob("model.safetensors")) for place in ("a", "b"))
    assert one.read_bytes() == other.read_bytes() and not list(tmp_path.rglob("*.partial"))


def test_hours_follow_from_macs(checked):
    _, (stage, *_), _ = checked
    assert stage.hours("A100", "bf16") * 3600 * GPUS["A100"]["bf16"] * UTILIZATION == pytest.approx(
        2 * stage.macs * stage.steps
    )
    assert stage.hours("V100", "bf16") is None


def test_the_table_names_stages_and_the_machine(checked, capsys):
    recipe, found, _ = checked
    Console(width=200).print(check_table(recipe, found, "A100"))
    said = capsys.readouterr().out
    assert all(stage.name in said for stage in found)
    assert "A100: about" in said and "one utterance of 3.0 s or 6.0 s" in said and "torch" in said

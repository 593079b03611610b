"""The powerset head: padding, cost, slimming (the encoder around it, not its own layers), a portable model."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from sottovoce.encoder.units import collect
from sottovoce.heads.task_config import TaskConfig
from sottovoce.heads.task_model import TaskModel
from sottovoce.pruning.cost import CostModel
from sottovoce.pruning.plan import Plan
from sottovoce.pruning.slim import slim_and_verify
from tiny_models import randomised, speech, tiny_config

HEAD = {"kind": "powerset", "speakers": 3, "width": 12, "blocks": 2, "inner": 20, "heads": 3, "kernel": 5}


def model(**head):
    torch.manual_seed(0)
    config = TaskConfig(encoder=tiny_config(), head={**HEAD, **head}, task="diarization")
    return randomised(TaskModel(config)).eval()


def test_the_published_size():
    config = TaskConfig(encoder=tiny_config(), head={"kind": "powerset"}, task="diarization")
    found = TaskModel(config).eval()
    assert found(speech(1, 128_000)).output.shape == (1, 399, 11)
    assert {name for name, _ in found.head.named_children()} == {"project", "norm", "blocks", "output"}
    assert 5e6 < sum(p.numel() for p in found.head.parameters()) < 7e6


def test_padding_changes_nothing_and_is_silence():
    found, waves = model(), speech(2, 8000)
    with torch.no_grad():
        together = found(waves, torch.tensor([8000, 5000]))
        alone = found(waves[1:, :5000]).output[0]
    T = int(together.lengths[1])
    assert T == len(alone) < together.output.shape[1]
    assert torch.allclose(together.output[1, :T], alone, atol=1e-5)
    assert (together.output[1, T:].softmax(-1)[:, 0] == 1).all()


def test_its_own_layers_are_not_pruned():
    names = collect(model()).units
    assert names and all(name.startswith("encoder.") for name in names)
    assert names["encoder.residual"].size == 16


def test_slim_equals_gated_and_the_head_follows():
    found = model()
    small, equality = slim_and_verify(found, Plan.to_shape(found, {"ffn": [5, 0], "encoder.residual": 10}))
    assert equality.worst < 1e-9
    assert small.head.project.in_features == 10 and small(speech()).output.shape[2] == 7


def test_costs_are_those_counted():
    found = model()
    states = found(speech(1, 16_000)).hidden_states
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        found.head(states)
    cost = CostModel(found, 1.0).cost()
    assert abs(counter.get_total_flops() / 2 / cost.parts["head"].macs - 1) < 1e-3
    assert cost.parts["head"].params == sum(p.numel() for p in found.head.parameters())


def test_it_is_saved_and_loaded(tmp_path):
    found = model()
    found.save_pretrained(tmp_path, portable=True)
    assert (tmp_path / "powerset_head.py").exists()
    again = TaskModel.from_pretrained(str(tmp_path)).eval()
    assert torch.equal(found(speech()).output, again(speech()).output)

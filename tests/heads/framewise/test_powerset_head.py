"""The powerset head: padding, cost, slimming (the encoder around it, and its own layers), a portable model."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from random_plans import EVERYTHING, random_plan
from sottovoce.encoder.units import collect
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.costs import CostModel
from sottovoce.pruning.one_shot import prune
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim_and_verify
from tiny_models import randomized, speech, tiny_config

HEAD = {"kind": "powerset", "speakers": 3, "width": 12, "blocks": 2, "inner": 20, "heads": 3, "kernel": 5}


def model(**head):
    torch.manual_seed(0)
    config = TaskConfig(encoder=tiny_config(), head={**HEAD, **head}, task="diarization")
    found = randomized(TaskModel(config)).eval()
    generator = torch.Generator().manual_seed(1)
    for path, buffer in found.named_buffers():
        if "running_" in path:
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
    return found


def test_the_published_size():
    config = TaskConfig(encoder=tiny_config(), head={"kind": "powerset"}, task="diarization")
    found = TaskModel(config).eval()
    assert found(speech(1, 128_000)).output.shape == (1, 399, 11)
    assert {name for name, _ in found.head.named_children()} == {"project", "norm", "blocks", "output"}
    assert 5e6 < sum(p.numel() for p in found.head.parameters()) < 7e6


def test_padding_changes_nothing_and_is_silence():
    found, waves = model().double(), speech(2, 8000).double()
    with torch.no_grad():
        together = found(waves, torch.tensor([8000, 5000]))
        alone = found(waves[1:, :5000]).output[0]
    T = int(together.lengths[1])
    assert T == len(alone) < together.output.shape[1]
    assert torch.allclose(together.output[1, :T], alone, atol=1e-9)
    assert (together.output[1, T:].softmax(-1)[:, 0] == 1).all()


def test_its_width_stays_and_is_no_part_of_the_encoders():
    units = collect(model()).units
    assert [name for name, unit in units.items() if unit.kind == "residual"] == ["encoder.residual"]
    assert units["encoder.residual"].size == 16
    assert units["head.blocks.1.feed_forward2.units"].size == 20 and units["head.blocks.0.attention.heads"].size == 3


def test_its_own_layers_are_pruned_equal(tmp_path):
    found = model()
    widths = {
        "head.blocks.0.feed_forward1.units": 7,
        "head.blocks.0.attention.heads": 1,
        "head.blocks.0.convolution.channels": 5,
        "head.blocks.1.attention": 0,
        "head.blocks.1.convolution": 0,
        "head.blocks.1.feed_forward2": 0,
        "head.blocks.1.feed_forward1.units": 0,
    }
    small, equality = slim_and_verify(found, Plan.to_shape(found, widths))
    assert equality.worst < 1e-9
    first, second = small.head.blocks
    assert (first.feed_forward1.up.out_features, first.attention.heads, second.attention) == (7, [0], None)
    left = CostModel(small, 1.0).cost().parts["head"]
    assert left.params == sum(p.numel() for p in small.head.parameters())
    assert small.head.original_shape == found.head.shape
    small.save_pretrained(tmp_path)
    again = TaskModel.from_pretrained(str(tmp_path)).eval()
    assert torch.equal(small(speech()).output, again(speech()).output)


@pytest.mark.parametrize("seed", range(4))
def test_soft_gates_are_folded_into_its_layers(seed):
    """The convolutions of its Conformer layers have biases, also where all their channels are gone."""
    found = model()
    random = random_plan(found, EVERYTHING, seed)
    _, equality = slim_and_verify(found, random)
    assert equality.worst < 1e-9


def test_one_budget_takes_from_encoder_and_head():
    found = model()
    made = prune(found, Budget(params=0.8), kinds=["head", "ffn", "convolution"], round_to=1)
    gone = {name for name, kept in made.plan.keep.items() if len(kept) < collect(found).units[name].size}
    assert {name.split(".")[0] for name in gone} == {"encoder", "head"}
    assert sum(p.numel() for p in made.model.parameters()) <= 0.8 * sum(p.numel() for p in found.parameters())


@pytest.mark.parametrize("method", ["activation", "taylor"])
def test_scores_without_labels_know_the_head(method):
    found = model()
    batch = {"waveform": speech(2, 4000), "lengths": torch.tensor([4000, 3000])}
    units = ["head.blocks.1.feed_forward2.units", "head.blocks.0.convolution.channels"]
    with torch.no_grad():  # some elements that say nothing; where all are equal, the first ones go
        found.head.blocks[1].feed_forward2.down.weight[:, 12:] = 0
        found.head.blocks[1].feed_forward2.up.weight[12:] = 0
        found.head.blocks[1].feed_forward2.up.bias[12:] = 0
    made = prune(found, shape={units[0]: 12}, method=method, batches=[batch], kinds=["ffn", "convolution"])
    assert made.plan.keep[units[0]] == list(range(12))


def test_slim_equals_gated_and_the_head_follows():
    found = model()
    ffn = {f"encoder.layers.{k}.feed_forward.units": n for k, n in enumerate([5, 0])}
    small, equality = slim_and_verify(found, Plan.to_shape(found, ffn | {"encoder.residual": 10}))
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

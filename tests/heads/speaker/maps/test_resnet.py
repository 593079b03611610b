"""ResNet embedders against wespeaker's class: golden numbers, sizes, padding, pruning."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from random_plans import random_plan
from seeded_weights import lively
from sottovoce.checkpoints.released.speakers.wespeaker_names import resnet_names
from sottovoce.encoder.build import residual_stream
from sottovoce.encoder.config import EncoderConfig
from sottovoce.encoder.frontend.without_layers import filterbank_config
from sottovoce.encoder.units import collect
from sottovoce.errors import CheckpointError
from sottovoce.heads.speaker.maps.resnet import BLOCKS, ResNet
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.costs import cost
from sottovoce.pruning.slimming import slim_and_verify

# wenet-e2e/wespeaker dfa7419, wespeaker/models/resnet.py: ResNet(block, blocks, m_channels=4, feat_dim=16, embed_dim=6, ...)
# with `lively` weights of seed 7 and their names, on features [1, 53, 16] of torch.Generator().manual_seed(3).
GOLDEN = {
    "18": ({}, [-0.673621, -0.555229, 0.396127, -0.290303, -0.23177, -0.923917], 44_994),
    "34": ({"two_layers": True}, [0.029632, -0.131332, 0.100481, 0.000698, -0.090364, -0.076548], 84_956),
    "50": ({"pooling": "astp"}, [0.920663, 0.013939, 0.929024, 0.267956, 0.460406, -2.741906], 163_938),
}
REAL = {"18": 4_105_440, "34": 6_634_336, "50": 11_131_360, "101": 15_892_448, "152": 19_814_880, "221": 23_792_224}
REAL["293"] = 28_626_016


def model_of(depth: str, **options: object) -> TaskModel:
    head = {"kind": "resnet", "depth": depth, "channels": 4, "size": 6, **options}
    return TaskModel(TaskConfig(filterbank_config(bins=16), head, "cosine", task="verification")).eval()


def seeded_model(depth: str, **options: object) -> TaskModel:
    """With the weights of the golden numbers, under the names of the public class."""
    model, table = model_of(depth, **options), resnet_names()
    for ours, tensor in model.head.state_dict().items():
        theirs = table.theirs(f"head.{ours}")
        assert theirs is not None, ours
        tensor.copy_(lively(theirs[0], theirs[1].to_theirs(tensor), 7).view_as(tensor))
    return model


@pytest.mark.parametrize("depth", GOLDEN)
def test_it_is_the_network_of_wespeaker(depth):
    options, expected, params = GOLDEN[depth]
    head = seeded_model(depth, **options).head
    x = torch.randn(1, 53, 16, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        assert (head([x])[0] - torch.tensor(expected)).abs().max() < 1e-5
        assert (head([x.roll(1, 2)])[0] - torch.tensor(expected)).abs().max() > 1e-2
    assert sum(each.numel() for each in head.parameters()) == params


@pytest.mark.parametrize("depth", BLOCKS)
def test_published_sizes(depth):
    with torch.device("meta"):
        head = ResNet(residual_stream(filterbank_config()), 1, depth=depth)
    assert sum(each.numel() for each in head.parameters()) == REAL[depth]


@pytest.mark.parametrize("depth", ["18", "50"])
def test_an_utterance_has_the_same_embedding_alone_and_in_a_padded_batch(depth):
    model = randomized(model_of(depth))
    waveform, lengths = torch.randn(3, 16000), torch.tensor([16000, 11999, 6000])
    together = model(waveform, lengths).output
    for i, samples in enumerate(lengths.tolist()):
        assert (model(waveform[i : i + 1, :samples]).output[0] - together[i]).abs().max() < 1e-5
    loud = waveform.clone()
    loud[2, 6000:] = 1e3
    assert torch.equal(model(loud, lengths).output[2], together[2])


def test_training_statistics_are_those_of_valid_frames():
    model = randomized(model_of("18")).train()
    waveform, lengths = torch.randn(2, 16000), torch.tensor([16000, 16000])
    longer = torch.cat([waveform, torch.randn(2, 8000)], 1)
    assert (model(waveform, lengths).output - model(longer, lengths).output).abs().max() < 1e-4


@pytest.mark.parametrize(("depth", "pooling"), [("18", "tstp"), ("50", "astp")])
def test_pruned_channels_gated_equal_slim_and_costs_are_counted(depth, pooling):
    model = randomized(model_of(depth, pooling=pooling))
    units = collect(model).units
    assert {unit.kind for unit in units.values()} == {"map"}
    assert len(units) == sum(BLOCKS[depth]) * (1 if depth == "18" else 2)
    small, equality = slim_and_verify(model, random_plan(model, "map", seed=1))
    assert equality.worst < 1e-9
    for each in (model, small):
        found = cost(each, 1.0)
        assert found.params == sum(p.numel() for p in each.parameters())
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            each(torch.randn(1, 16000))
        assert abs(counter.get_total_flops() / 2 / found.macs - 1) < 1e-3
    assert cost(small, 1.0).params < cost(model, 1.0).params


def test_an_encoder_with_layers_is_refused():
    with pytest.raises(CheckpointError, match="front_end: features"):
        TaskModel(TaskConfig(EncoderConfig(), {"kind": "resnet"}))


def randomized(model: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for name, each in model.state_dict().items():
        if each.is_floating_point() and not name.startswith("scoring."):
            each.copy_(0.5 + torch.rand_like(each) if name.endswith("running_var") else 0.2 * torch.randn_like(each))
    return model

"""CAM++ against wespeaker's class (dfa7419): golden numbers, size, padding, pruning."""

from __future__ import annotations

import re

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from random_plans import random_plan
from seeded_weights import lively
from sottovoce.checkpoints.released.speakers.campplus_names import cam_names
from sottovoce.encoder.build import residual_stream
from sottovoce.encoder.frontend.without_layers import filterbank_config
from sottovoce.encoder.units import collect
from sottovoce.heads.speaker.maps.cam_plus_plus import CAMPlusPlus
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.costs import cost
from sottovoce.pruning.slimming import slim_and_verify

# CAMPPlus(feat_dim=16, embed_dim=6, growth_rate=4, bn_size=2, init_channels=8) with `lively` weights of seed 7 and their
# names, on features [1, 251, 16] of torch.Generator().manual_seed(4): two segments of 100 frames, one of them shorter.
GOLDEN = [-0.046359, 0.009193, 0.031506, 0.111969, 0.290188, -0.113724]
POINTWISE = re.compile(r"(xvector\.dense\.linear|cam_layer\.linear[12])\.weight$")


@pytest.fixture
def model() -> TaskModel:
    """With the weights of the golden numbers."""
    head = {"kind": "cam_plus_plus", "size": 6, "growth": 4, "bottleneck": 2, "channels": 8, "pooling": "tstp"}
    model = TaskModel(TaskConfig(filterbank_config(bins=16), head, "cosine", task="verification")).eval()
    table = cam_names()
    for ours, tensor in model.head.state_dict().items():
        found = table.theirs(f"head.{ours}")
        assert found is not None, ours
        theirs = re.sub(r"tdnnd(\d+)\.", lambda layer: f"tdnnd{int(layer[1]) + 1}.", found[0])
        like = tensor[..., None] if POINTWISE.search(theirs) else tensor
        tensor.copy_(lively(theirs, like, 7).view_as(tensor))
    return model


def test_it_is_the_network_of_wespeaker(model):
    x = torch.randn(1, 251, 16, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        assert (model.head([x])[0] - torch.tensor(GOLDEN)).abs().max() < 1e-5
        assert (model.head([x.roll(1, 2)])[0] - torch.tensor(GOLDEN)).abs().max() > 1e-3


def test_published_size():
    with torch.device("meta"):
        head = CAMPlusPlus(residual_stream(filterbank_config()), 1)
    assert sum(each.numel() for each in head.parameters()) == 7_176_224


def test_an_utterance_has_the_same_embedding_alone_and_in_a_padded_batch(model):
    waveform, lengths = torch.randn(3, 40000), torch.tensor([40000, 36399, 6000])
    together = model(waveform, lengths).output
    for i, samples in enumerate(lengths.tolist()):
        assert (model(waveform[i : i + 1, :samples]).output[0] - together[i]).abs().max() < 1e-5


def test_pruned_channels_gated_equal_slim_and_costs_are_counted(model):
    assert len(collect(model).units) == 4 + 52
    small, equality = slim_and_verify(model, random_plan(model, "map", seed=1))
    assert equality.worst < 1e-9
    for each in (model, small):
        found = cost(each, 2.5)
        assert found.params == sum(p.numel() for p in each.parameters())
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            each(torch.randn(1, 40000))
        assert abs(counter.get_total_flops() / 2 / found.macs - 1) < 1e-3
    assert cost(small, 1.0).params < cost(model, 1.0).params

"""Fault 2: gates that start at log_alpha 0 start 10 % sparse, far from the teacher; the ramp started at 0 all the same."""

import pytest
import torch

from families import FAMILIES, randomize
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.costs import CostModel, reference_cost
from sottovoce.pruning.gating.gates import Gates
from sottovoce.pruning.gating.lagrangian import Lagrangian, expected_widths
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim
from sottovoce.runs.stages.prune import GateOptions


@pytest.fixture(scope="module")
def encoder():
    return SpeechEncoder.from_transformers(randomize(FAMILIES["wavlm_base"](), seed=0)).eval()


def cosine(encoder, start):
    x = torch.randn(1, 8000, generator=torch.Generator().manual_seed(0))
    dense = encoder(x).last_hidden_state
    gates = Gates(encoder, start=start)
    gates.sample(0)
    encoder.train()
    gated = encoder(x).last_hidden_state
    encoder.eval()
    gates.detach()
    return torch.nn.functional.cosine_similarity(dense, gated, dim=-1).mean().item()


def test_every_gate_is_nearly_open_at_the_start(encoder):
    """Gates that started at log_alpha 0 made the first network 10 % sparse, and its features far from the teacher's."""
    gates = Gates(encoder, ["conv", "head", "ffn", "attention_block", "ffn_block"])
    gates.detach()
    assert all(p.min() > 0.998 for p in gates.open_probability().values())
    assert all((value == 1).all() for value in gates.deterministic().values())
    assert GateOptions().start == 5.0
    # The gated network starts as the dense one, which it does not with gates at 0.
    assert cosine(encoder, GateOptions().start) > 0.98
    assert cosine(encoder, 0.0) < 0.95


def test_the_ramp_starts_at_what_is_measured(encoder):
    """The ramp of the target started at 0 even where the network was already pruned, and so asked for it to grow."""
    small = slim(encoder, Plan.to_shape(encoder, {"ffn": [1] * len(encoder.layers)}))
    gates = Gates(small)
    gates.detach()
    costs = CostModel(small, 1.0)
    widths = expected_widths(costs, gates)
    limits = Budget(params=0.1).constraints(costs, reference_cost(small, 1.0))
    lagrangian = Lagrangian(limits, widths, steps=10)
    removed = 1 - sum(p.numel() for p in small.parameters()) / sum(p.numel() for p in encoder.parameters())
    assert removed > 0.02
    assert lagrangian.target(0).item() == pytest.approx(removed, abs=2e-3)
    assert lagrangian(widths, 0)[0].item() == 0

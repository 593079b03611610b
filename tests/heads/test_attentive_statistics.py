import numpy as np
import pytest
import torch
from scipy.special import erf, softmax

from sottovoce.encoder.units import collect
from sottovoce.heads.task_config import TaskConfig
from sottovoce.heads.task_model import TaskModel
from sottovoce.pruning.cost import CostModel
from sottovoce.pruning.plan import Plan
from sottovoce.pruning.slim import slim_and_verify
from tiny_models import output_elsewhere, randomised, speech, tiny_config

HEAD = {"kind": "attentive", "width": 6, "hidden": 5, "heads": 3, "size": 10}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return randomised(TaskModel(TaskConfig(encoder=tiny_config(), head=HEAD))).eval()


def by_hand(head, states, frames):
    """Attentive statistics in plain numpy, one utterance and one weighting at a time."""
    p = {name: value.detach().double().numpy() for name, value in head.named_parameters()}
    stack = np.stack([s.detach().double().numpy() for s in states])  # L, B, T, D
    out = []
    for b, T in enumerate(frames):
        x = np.einsum("l,ltd->td", softmax(p["layer_weights"]), stack[:, b, :T])
        x = x @ p["frames.weight"].T + p["frames.bias"]
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        x = x * p["norm.weight"] + p["norm.bias"]
        x = x * 0.5 * (1 + erf(x / np.sqrt(2)))
        scores = np.tanh(x @ p["hidden.weight"].T + p["hidden.bias"]) @ p["scores.weight"].T + p["scores.bias"]
        pooled = []
        for h in range(scores.shape[1]):
            weights = softmax(scores[:, h])
            mean = weights @ x
            pooled += [mean, np.sqrt(weights @ (x - mean) ** 2)]
        out.append(p["project.weight"] @ np.concatenate(pooled) + p["project.bias"])
    return np.stack(out)


def test_equals_the_formula(model):
    model = model.double()
    lengths = torch.tensor([8000, 5000])
    encoded = model.encoder(speech().double(), lengths)
    got = model.head(encoded.hidden_states, encoded.lengths).detach().numpy()
    assert np.abs(got - by_hand(model.head, encoded.hidden_states, encoded.lengths.tolist())).max() < 1e-12


def test_padding_changes_nothing(model):
    x = speech()
    x[1, 5000:] = 0.5
    padded = model(x, torch.tensor([8000, 5000])).output
    alone = model(x[1:, :5000], torch.tensor([5000])).output
    assert (padded[1:] - alone).abs().max() < 1e-5


def test_a_single_frame_has_a_gradient(model):
    # Its deviation is 0, where a root has no slope.
    model(speech(1, 400)).output.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.head.parameters())


def test_costs_count_the_head(model):
    costs = CostModel(model, 1.0).cost()
    assert costs.params == sum(p.numel() for p in model.parameters())
    from torch.utils.flop_counter import FlopCounterMode

    encoded = model.encoder(speech(1, 16_000))
    with FlopCounterMode(display=False) as counter:
        model.head(encoded.hidden_states)
    assert costs.parts["head"].macs == pytest.approx(counter.get_total_flops() / 2, rel=1e-3)


def test_the_head_follows_a_narrower_stream_and_travels(model, tmp_path):
    assert collect(model).units["encoder.residual"].size == 16
    small, equality = slim_and_verify(model, Plan.to_shape(model, {"encoder.residual": 10, "ffn": [5, 0]}))
    assert small.head.frames.weight.shape == (6, 10) and equality.worst < 1e-9
    waves = speech(1)
    assert torch.allclose(output_elsewhere(small, waves, tmp_path), small(waves).output, atol=1e-6)

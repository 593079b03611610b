import numpy as np
import torch

from sottovoce.encoder.units import collect
from sottovoce.pruning.costs import CostModel
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim_and_verify
from tiny_models import speech, tiny_encoder, tiny_model


def by_hand(head, states, frames):
    """MHFA in plain numpy, one utterance at a time."""
    p = {name: value.detach().double().numpy() for name, value in head.named_parameters()}

    def softmax(x, axis):
        e = np.exp(x - x.max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)

    stack = np.stack([s.detach().double().numpy() for s in states])  # L, B, T, D
    out = []
    for b, T in enumerate(frames):
        x = stack[:, b, :T]
        keys = np.einsum("l,ltd->td", softmax(p["key_weights"], 0), x) @ p["keys.weight"].T + p["keys.bias"]
        values = np.einsum("l,ltd->td", softmax(p["value_weights"], 0), x) @ p["values.weight"].T + p["values.bias"]
        attention = softmax(keys @ p["attention.weight"].T + p["attention.bias"], 0)  # T, H
        pooled = np.concatenate([attention[:, h] @ values for h in range(attention.shape[1])])
        out.append(p["project.weight"] @ pooled + p["project.bias"])
    return np.stack(out)


def test_equals_the_formula():
    model = tiny_model().double()
    lengths = torch.tensor([8000, 5000])
    encoded = model.encoder(speech().double(), lengths)
    got = model.head(encoded.hidden_states, encoded.lengths).detach().numpy()
    assert np.abs(got - by_hand(model.head, encoded.hidden_states, encoded.lengths.tolist())).max() < 1e-12


def test_padding_changes_nothing():
    model = tiny_model()
    x = speech()
    padded = model(x, torch.tensor([8000, 5000])).output
    alone = model(x[1:, :5000], torch.tensor([5000])).output
    assert (padded[1:] - alone).abs().max() < 1e-6


def test_costs_count_the_head():
    model = tiny_model()
    costs = CostModel(model, 1.0)
    assert costs.cost().params == sum(p.numel() for p in model.parameters())
    assert costs.cost().parts["head"].params == sum(p.numel() for p in model.head.parameters())


def test_the_head_follows_a_narrower_stream():
    model = tiny_model()
    assert collect(model).units["encoder.residual"].size == 16
    small, equality = slim_and_verify(model, Plan.to_shape(model, {"encoder.residual": 10, "ffn": [5, 0]}))
    assert small.head.keys.weight.shape == (6, 10)
    assert equality.worst < 1e-9
    # The output of the head is compared too, also as logits and embeddings, not only hidden states and their projection.
    assert len(equality.outputs) == len(tiny_encoder()(speech()).hidden_states) + 4

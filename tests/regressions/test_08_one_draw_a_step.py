"""Fault 8: one gate was drawn twice in a step; gates of different structure were averaged; soft values were not folded.

(That soft values are folded is what every slimming test shows: tests/house/test_matrix.py.)
"""

import pytest
import torch
from pydantic import ValidationError

from sottovoce.pruning.gating.gates import Gates
from sottovoce.runs.stages.prune import Prune
from sottovoce.training.randomness import gate_seed
from tiny_models import speech, tiny_model


def forward(model, gates, seed):
    gates.sample(seed)
    model.train()
    return [model.encoder(speech()).last_hidden_state for _ in range(2)]


def test_all_passes_of_a_step_see_one_draw_and_steps_differ():
    """Two forward passes of one step drew gates of their own, so that the penalty was of another network than the
    loss.
    """
    model = tiny_model()
    gates = Gates(model.encoder, start=2.0)
    first, second = forward(model, gates, gate_seed(0, "prune", 7))
    assert torch.equal(first, second)
    again, _ = forward(model, gates, gate_seed(0, "prune", 7))
    assert torch.equal(first, again)
    other, _ = forward(model, gates, gate_seed(0, "prune", 8))
    assert not torch.equal(first, other)


def test_recomputed_activations_see_the_same_draw():
    """A gate drawn anew in the backward pass would make gradients of another function."""
    gradients = []
    for recompute in (False, True):
        model = tiny_model()
        gates = Gates(model.encoder, start=2.0)
        gates.sample(0)
        model.train()
        if recompute:
            model.gradient_checkpointing_enable()
        model(speech()).output.square().sum().backward()
        gradients.append(gates.log_alpha.grad)
    assert gradients[0].abs().sum() > 0
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("option", [{"average": 2}, {"keep": "best"}])
def test_a_stage_with_gates_can_not_be_averaged(option):
    """Weights of several checkpoints were averaged while their gates kept different structures."""
    with pytest.raises(ValidationError):
        Prune.model_validate({"steps": 10, **option})

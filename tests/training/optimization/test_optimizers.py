"""What an optimizer step does to weights, against plain arithmetic: coupled and decoupled decay, and what has it."""

import pytest
import torch

from sottovoce.recipe.training.training_stage_options import TrainingStageOptions
from sottovoce.training.loop import Compute, TrainingSetup, fit
from sottovoce.training.optimization.schedules import constant
from sottovoce.training.terms import Term
from tiny_models import tiny_model

RATE, DECAY = 0.01, 0.3


class Batches(torch.utils.data.Dataset):
    def __getitem__(self, step):
        return {"waveform": torch.ones(1, 1600), "lengths": torch.tensor([1600])}


class Pull(Term):
    """A loss whose gradient is -0.1 for every weight of the model."""

    def __init__(self):
        super().__init__("pull")

    def loss(self, model, batch, output):
        return -0.1 * sum(p.sum() for p in model.parameters()), {}


def after_a_step(tmp_path, **options):
    """The mean of a matrix and of a vector after one step from 0.5."""
    options = TrainingStageOptions(steps=1, clip=None, decay="constant", weight_decay=DECAY, **options)
    model = tiny_model()
    with torch.no_grad():
        for each in model.parameters():
            each.fill_(0.5)
    setup = TrainingSetup(
        name="test",
        seed=0,
        steps=1,
        batches=lambda rank, world: Batches(),
        terms=[Pull()],
        encoder_lr=RATE,
        head_lr=RATE,
        weight_decay=options.weight_decay,
        decays=options.decays,
        optimizer=options.optimizer,
        rate=constant(),
    )
    fit(model, setup, Compute(accelerator="cpu"), tmp_path)
    return model.head.project.weight.mean().item(), model.encoder.layers[0].feed_forward.up.bias.mean().item()


@pytest.mark.parametrize("decays, of_vectors", [("matrices", 0.0), ("all", DECAY)])
def test_decay_apart_from_the_gradient(tmp_path, decays, of_vectors):
    matrix, vector = after_a_step(tmp_path, decays=decays)
    # The first step of Adam has the length of the rate, whatever the gradient is.
    assert matrix == pytest.approx(0.5 * (1 - RATE * DECAY) + RATE, rel=1e-5)
    assert vector == pytest.approx(0.5 * (1 - RATE * of_vectors) + RATE, rel=1e-5)


@pytest.mark.parametrize("decays, of_vectors", [("matrices", RATE), ("all", -RATE)])
def test_decay_as_part_of_the_gradient(tmp_path, decays, of_vectors):
    matrix, vector = after_a_step(tmp_path, optimizer="adam", decays=decays)
    assert matrix == pytest.approx(0.5 - RATE, rel=1e-5)  # -0.1 + 0.3 * 0.5 points the other way
    assert vector == pytest.approx(0.5 + of_vectors, rel=1e-5)

"""The losses of verification, and what a stage takes over from the one before."""

import pytest
import torch
from pydantic import ValidationError

from sottovoce.errors import DataError, RecipeError
from sottovoce.tasks.objectives.speaker_loss import SpeakerLoss, SpeakerObjective


def batch(labels):
    return {"labels": torch.tensor(labels)}


def test_plain_softmax_is_the_cross_entropy_of_a_linear_map():
    torch.manual_seed(0)
    objective = SpeakerObjective(4, ["a", "b", "c"], SpeakerLoss(kind="softmax"))
    objective.begin(3)
    torch.nn.init.normal_(objective.loss.bias)
    x, labels = torch.randn(6, 4), [0, 1, 2, 0, 1, 2]
    loss, logged = objective(x, batch(labels))
    logits = x @ objective.loss.weight.t() + objective.loss.bias
    expected = torch.stack([-logits[k].softmax(0)[label].log() for k, label in enumerate(labels)]).mean()
    assert abs(loss - expected) < 1e-6
    assert logged["accuracy"] == sum(int(logits[k].argmax()) == label for k, label in enumerate(labels)) / 6


@pytest.mark.parametrize("options", [{}, {"centers": 3, "hardest": 1}, {"kind": "softmax"}])
def test_speakers_that_stay_keep_their_classifier(options):
    loss = SpeakerLoss(**options)
    before = SpeakerObjective(4, ["a", "a@0.9", "b", "c"], loss)
    for parameter in before.parameters():
        torch.nn.init.normal_(parameter)
    after = SpeakerObjective(4, ["a", "c", "new"], loss)
    fresh = {name: tensor.clone() for name, tensor in after.state_dict().items()}
    assert after.load_matching(before.labels, before.state_dict()) == 2
    for name, tensor in after.state_dict().items():
        rows, old, start = (
            t.view(-1, loss.centers, *t.shape[1:]) for t in (tensor, before.state_dict()[name], fresh[name])
        )
        assert torch.equal(rows[0], old[0]) and torch.equal(rows[1], old[3]) and torch.equal(rows[2], start[2]), name


def test_a_large_margin_stage_changes_the_margin_and_not_the_classifier():
    loss = SpeakerLoss(margin=0.2, margin_ramp=10, centers=3, hardest=5)
    large = loss.changed({"margin": 0.5, "margin_ramp": 0, "hardest": 0})
    assert (large.margin, large.hardest, large.centers, large.scale) == (0.5, 0, 3, loss.scale)
    for changes in ({"kind": "softmax", "margin": 0.2}, {"centers": 1}):
        with pytest.raises((DataError, ValidationError), match=r"centers|softmax"):
            loss.changed(changes)
    with pytest.raises(RecipeError, match="plain softmax has no margin"):
        SpeakerLoss(kind="softmax", margin=0.5)

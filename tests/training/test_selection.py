import math

import pytest
import torch
from safetensors.torch import save_file

from sottovoce.errors import TrainingError
from sottovoce.training.selection import CheckpointSelection, averaged


def selection(tmp_path, values, lower=True):
    chosen = CheckpointSelection(lambda model: {}, "eer", lower=lower, every=10, last=50, directory=tmp_path)
    chosen.evaluated = [(10 * (k + 1), value) for k, value in enumerate(values)]
    for k in range(len(values)):
        save_file({"w": torch.full((2,), float(k))}, chosen.path(10 * (k + 1)))
    return chosen


@pytest.mark.parametrize(
    "keep, average, lower, steps",
    [
        ("last", 1, True, [50]),
        ("last", 2, True, [40, 50]),
        ("best", 1, True, [20]),
        ("best", 3, True, [10, 20, 30]),
        ("best", 4, True, [10, 20, 30, 40]),
        ("best", 1, False, [40]),
        ("best", 3, False, [30, 40, 50]),
        ("best", 9, True, [10, 20, 30, 40, 50]),
    ],
)
def test_which_weights(tmp_path, keep, average, lower, steps):
    chosen = selection(tmp_path, [0.4, 0.1, 0.2, 0.5, 0.3], lower)
    assert chosen.chosen(keep, average) == steps
    model = torch.nn.Module()
    model.w = torch.nn.Parameter(torch.zeros(2))
    assert chosen.finish(model, keep, average) == steps
    expected = sum(step / 10 - 1 for step in steps) / len(steps)
    assert model.w.tolist() == pytest.approx([expected] * 2)


def test_what_could_not_be_scored_is_not_the_best(tmp_path):
    assert selection(tmp_path, [math.nan, 0.4, 0.2]).chosen("best", 1) == [30]
    assert selection(tmp_path, [math.nan, 0.4, 0.2], lower=False).chosen("best", 1) == [20]


def test_the_history_is_part_of_the_training_state(tmp_path):
    one, other = selection(tmp_path, [0.4, 0.1]), selection(tmp_path, [])
    other.load_state_dict(one.state_dict())
    assert other.evaluated == one.evaluated


def test_models_of_different_structure_are_not_averaged():
    with pytest.raises(TrainingError, match="w is .* average equal shapes only"):
        averaged([{"w": torch.zeros(3)}, {"w": torch.zeros(4)}])
    with pytest.raises(TrainingError, match="v is None"):
        averaged([{"w": torch.zeros(3)}, {"w": torch.zeros(3), "v": torch.zeros(1)}])

import itertools
import math
import random
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from sottovoce.errors import TrainingError
from sottovoce.training.selection import CheckpointSelection, averaged, chosen_places


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
        ("best", 3, True, [20, 30, 50]),
        ("best", 3, False, [10, 40, 50]),
        ("best", 1, False, [40]),
        ("best", 9, True, [10, 20, 30, 40, 50]),
        ("around_best", 3, True, [10, 20, 30]),
        ("around_best", 4, True, [10, 20, 30, 40]),
        ("around_best", 3, False, [30, 40, 50]),
        ("up_to_best", 3, False, [20, 30, 40]),
        ("up_to_best", 3, True, [10, 20]),
        ("after_peak", 2, True, [40, 50]),
        ("after_peak", 2, False, [40, 50]),
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
    assert selection(tmp_path, [0.1, 0.4, 0.3, math.nan]).chosen("after_peak", 2) == [20, 30]
    assert selection(tmp_path, [math.nan, 0.4, 0.2], lower=False).chosen("best", 1) == [20]


@pytest.mark.parametrize("keep", ["best", "up_to_best", "around_best", "after_peak"])
def test_what_could_not_be_scored_is_not_averaged(tmp_path, keep):
    """Weights whose evaluation was NaN came into the mean where fewer others were there than were to be averaged."""
    assert selection(tmp_path, [0.5, math.nan, 0.2, math.nan]).chosen(keep, 4) == [10, 30]
    assert selection(tmp_path, [math.nan]).chosen(keep, 4) == [10]


def test_the_history_is_part_of_the_training_state(tmp_path):
    one, other = selection(tmp_path, [0.4, 0.1]), selection(tmp_path, [])
    other.load_state_dict(one.state_dict())
    assert other.evaluated == one.evaluated


PUBLISHED = {
    0: ([0.844, 0.758, 1.421, 1.259, 0.511, 0.405, 0.784, 0.303, 0.477, 0.583, 0.908, 0.505], [4, 5, 7, 8, 11], [3, 7]),
    1: ([0.134, 0.847, 1.764, 1.255, 0.495, 0.449, 0.652, 0.789, 0.094, 0.028, 0.836, 0.433], [4, 5, 8, 9, 11], [5, 9]),
    2: (
        [0.956, 0.948, 1.057, 1.085, 0.835, 0.736, 0.67, 0.308, 0.606, 0.607, 0.581, 0.158],
        [7, 8, 9, 10, 11],
        [7, 11],
    ),
    3: ([0.238, 0.544, 1.37, 1.604, 0.626, 0.066, 0.013, 0.837, 0.259, 0.234, 0.996, 0.47], [5, 6, 8, 9, 11], [2, 6]),
    4: ([0.236, 0.103, 1.396, 1.155, 0.067, 0.402, 0.918, 0.8, 0.765, 0.222, 0.537, 0.277], [4, 5, 9, 10, 11], [0, 4]),
    5: ([0.623, 0.742, 1.795, 1.942, 0.74, 0.922, 0.029, 0.466, 0.943, 0.649, 0.901, 0.113], [4, 6, 7, 9, 11], [2, 6]),
}
"""Losses of twelve epochs; what `get_checkpoints` of recipes/diar_ssl_pruning/apply_pruning.py takes of them; first and last
of those that `average_ckpt` of diarizen/ckpt_utils.py takes; BUTSpeechFIT/DiariZen at a60b181."""


@pytest.mark.parametrize("losses, after_peak, up_to_best", PUBLISHED.values())
def test_the_choice_of_diarizen(losses, after_peak, up_to_best):
    assert chosen_places(losses, "after_peak", 5) == after_peak
    chosen = chosen_places(losses, "up_to_best", 5)
    assert [chosen[0], chosen[-1], len(chosen)] == [*up_to_best, 5]


@pytest.mark.parametrize("seed", range(20))
def test_the_choice_by_brute_force(seed):
    chance = random.Random(seed)
    losses = [round(chance.random(), 1) for _ in range(chance.randint(1, 8))]  # with ties
    average = chance.randint(1, 5)
    peak = max(k for k in range(len(losses)) if all(losses[k] > each for each in losses[:k]))
    behind = range(peak, len(losses))
    few = min(average, len(behind))
    best = min(itertools.combinations(behind, few), key=lambda places: (sum(losses[k] for k in places), places))
    chosen = chosen_places(losses, "after_peak", average)
    assert sum(losses[k] for k in chosen) == pytest.approx(sum(losses[k] for k in best)) and len(set(chosen)) == few
    end = losses.index(min(losses))
    assert chosen_places(losses, "up_to_best", average) == [k for k in range(len(losses)) if end - average < k <= end]


def test_other_tensors_are_averaged_with_the_weights(tmp_path):
    """Those of gates, whose elements are the same at every step of a stage."""
    gates = torch.nn.Parameter(torch.zeros(2))
    chosen = CheckpointSelection(
        lambda model: {"loss": next(losses)}, "loss", lower=True, every=1, last=4, directory=tmp_path, also={"g": gates}
    )
    losses, model = iter([1.0, 3.0, 2.0, 1.5]), torch.nn.Linear(1, 1, bias=False)
    trainer = SimpleNamespace(is_global_zero=True, should_stop=False)
    for step in range(1, 5):
        with torch.no_grad():
            model.weight.fill_(step), gates.fill_(10 * step)
        chosen.on_step(trainer, SimpleNamespace(model=model, logged={}), step)
    assert chosen.finish(model, "after_peak", 2) == [3, 4]
    assert model.weight.item() == 3.5 and gates.tolist() == [35, 35]


@pytest.mark.parametrize(
    "values, settled, ended",
    [
        ([5, 4, 4, 3, 3, 3, 1], 0, 60),  # equal is no better
        ([5, 4, 4, 3, 2, 3, 1], 0, None),
        ([1, 5, 4, 3, 2, 2, 2], 20, 70),  # the first, on the ramp, does not count
        ([1, 5, 4, 3, 2, 2, 2], 0, 30),
        ([3, math.nan, math.nan, 1], 0, 30),
    ],
)
def test_patience(tmp_path, values, settled, ended):
    chosen = CheckpointSelection(
        lambda model: {}, "eer", lower=True, every=10, last=70, directory=tmp_path, patience=2, settled=settled
    )
    steps = []
    for place, value in enumerate(values):
        chosen.evaluated.append((10 * (place + 1), value))
        if chosen.exhausted:
            steps.append(10 * (place + 1))
    assert (steps[0] if steps else None) == ended


def test_models_of_different_structure_are_not_averaged():
    with pytest.raises(TrainingError, match="w is .* average equal shapes only"):
        averaged([{"w": torch.zeros(3)}, {"w": torch.zeros(4)}])
    with pytest.raises(TrainingError, match="v is None"):
        averaged([{"w": torch.zeros(3)}, {"w": torch.zeros(3), "v": torch.zeros(1)}])

"""What a plan takes away altogether is told, with what would keep it."""

from __future__ import annotations

import warnings

import pytest
import torch

from sottovoce.encoder.units import collect
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.planning.plans import Plan, plan
from sottovoce.pruning.planning.removals import RemovedPartWarning, removed_parts
from sottovoce.pruning.planning.scores import Scores
from tiny_models import tiny_model

NAMES = {
    f"layers.{k}.{part}": size
    for k in range(4)
    for part, size in (("attention", 1), ("attention.heads", 4), ("feed_forward", 1), ("feed_forward.units", 32))
} | {"positional.groups": 4, "positional.taps.0": 3, "residual": 16, "frontend.channels.0": 8}


@pytest.mark.parametrize(
    "widths, told",
    [
        ({}, []),
        ({"layers.0.attention.heads": 1, "layers.0.feed_forward.units": 8, "positional.taps.0": 0}, []),
        ({"layers.2.attention.heads": 0}, ["all heads of layer 2 are removed"]),
        (
            {"layers.0.attention.heads": 0, "layers.3.attention.heads": 0, "layers.1.feed_forward.units": 0},
            ["all heads of layers 0 and 3 are removed", "all FFN units of layer 1 are removed"],
        ),
        ({f"layers.{k}.attention.heads": 0 for k in range(4)}, ["all heads of all 4 layers are removed"]),
        (
            {"layers.1.feed_forward": 0, "layers.2.feed_forward": 0, "layers.2.attention": 0},
            ["the whole attention of layer 2 is removed", "the whole feed forward of layers 1 and 2 is removed"],
        ),
        (
            {"layers.0.attention": 0} | {f"layers.{k}.attention.heads": 0 for k in (1, 2, 3)},
            [
                "the whole attention of layer 0 is removed",
                "all heads of layers 1, 2 and 3 are removed",
                "all heads of all 4 layers are removed",
            ],
        ),
        ({"positional.groups": 0}, ["all groups of the positional convolution are removed"]),
    ],
)
def test_what_goes_altogether(widths, told):
    assert [str(part) for part in removed_parts(NAMES, NAMES | widths)] == told


def test_what_was_gone_before_is_not_told_again():
    sizes = NAMES | {"layers.2.attention.heads": 0}
    assert removed_parts(sizes, sizes) == []


def scores_of(model, kinds):
    units = collect(model).units.items()
    return Scores({name: torch.ones(unit.size) for name, unit in units if unit.kind in kinds})


def test_a_plan_says_so_and_what_it_names_keeps_it():
    encoder = tiny_model().encoder
    scores = scores_of(encoder, ("head", "ffn"))
    floor = Plan.to_shape(encoder, {"head": [0, 0], "ffn": [0, 0]}).after.params
    budget = Budget(params=floor + 1)
    with pytest.warns(RemovedPartWarning) as caught:
        made = plan(encoder, budget, scores, round_to=1)
    lines = [str(each.message) for each in caught]
    assert lines == [f"plan: {part.line()}" for part in made.removed_parts()] and all(
        "\n" not in line for line in lines
    )
    assert (
        "all heads of all 2 layers are removed; floors {head: 1}, protect [layers.0.attention] or a larger budget"
        in lines[0]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = plan(
            encoder, Budget(params=0.9), scores, round_to=1, floors={part.kind: 1 for part in made.removed_parts()}
        )
        assert all(kept.width(name) for name in kept.sizes)
        for part in made.removed_parts():
            rest = scores_of(encoder, ("head", "ffn"))
            saved = plan(encoder, Budget(params=0.97), rest, round_to=1, protect=[part.path])
            assert all(saved.width(name) == size for name, size in saved.sizes.items() if name.startswith(part.path))


def test_taps_are_counted_alike_by_plans_and_shapes(tmp_path):
    """A ring has two taps, and the innermost stay: of 8 taps one ring less leaves 6, as the shape says."""
    from sottovoce.pruning.slimming import slim

    encoder = tiny_model().encoder
    (name,) = [name for name, unit in collect(encoder).units.items() if unit.kind == "positional_tap"]
    for rings in range(4):
        made = Plan.to_shape(encoder, {name: rings})
        made.save(tmp_path / "plan.json")
        for each, at in ((made, name), (Plan.load(tmp_path / "plan.json"), name), (made.below("e"), f"e.{name}")):
            assert each.shown(at) == (slim(encoder, made).shape["positional"]["taps"][0], 8) == (2 + 2 * rings, 8)
    (line,) = [line for line in made.table().splitlines() if line.startswith(name)]
    assert line.split()[1:3] == ["8", "8"]

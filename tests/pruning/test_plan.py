"""Plans: made from scores or widths, checked against the network, kept as plain data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from sottovoce.encoder.units import collect, shrink
from sottovoce.errors import BudgetError, PlanError
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.costs import cost
from sottovoce.pruning.planning.plans import Plan, plan
from sottovoce.pruning.planning.scores import Scores
from toys import TOYS, Chain, Grouped, Mlp, Tapped, Toy

UNITS = ("layers.0.feed_forward.units", "layers.1.feed_forward.units")


def scores(model: Toy, *, blocks: bool = False, seed: int = 0) -> Scores:
    random = torch.Generator().manual_seed(seed)
    units = collect(model).units
    return Scores({n: torch.rand(u.size, generator=random) for n, u in units.items() if blocks or not u.contains})


@pytest.mark.parametrize("toy", TOYS)
def test_a_plan_is_what_the_network_becomes(toy: str, tmp_path: Path) -> None:
    model = TOYS[toy]()
    made = plan(model, Budget(params=0.6), scores(model), round_to=1)
    made.validate(model)
    small = model.shrunk(shrink(model.shape, collect(model).units, made.keep))
    assert made.before == made.reference == cost(model)
    assert made.after == cost(small)
    assert made.after.params <= 0.6 * made.before.params
    made.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == made
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_the_best_elements_stay() -> None:
    model = Mlp.of(8, 6)
    values = Scores({UNITS[0]: torch.tensor([0.1, 9, 8, 0.2, 7, 0.3, 6, 5])})
    made = plan(model, Budget(params=cost(model).params - 30), values, round_to=1)
    assert made.keep == {UNITS[0]: [1, 2, 4, 6, 7]}
    assert made.widths() == {
        "layers.0.feed_forward": 1,
        UNITS[0]: 5,
        "layers.1.feed_forward": 1,
        UNITS[1]: 6,
    }


def test_a_removed_block_is_named_and_what_is_inside_it_is_not() -> None:
    model = Mlp.of(8, 8)
    values = scores(model, blocks=True)
    values["layers.0.feed_forward"] = torch.tensor([-1.0])
    made = plan(model, Budget(params=0.5), values, round_to=1)
    assert made.keep["layers.0.feed_forward"] == [] and made.keep["layers.1.feed_forward"] == [0]
    assert UNITS[0] not in made.keep
    assert made.after == cost(Mlp.of(len(made.keep[UNITS[1]])))


def test_protection_floors_and_rounding() -> None:
    model = Mlp.of(32, 32)
    values = scores(model, blocks=True)
    values[UNITS[0]] *= 1e-3
    free = plan(model, Budget(params=0.55), values)
    assert len(free.keep[UNITS[0]]) in (0, 16) or "layers.0.feed_forward" in free.keep
    made = plan(model, Budget(params=0.55), values, protect=[UNITS[0]])
    assert UNITS[0] not in made.keep and "layers.0.feed_forward" not in made.keep
    made = plan(model, Budget(params=0.55), values, floors={UNITS[0]: 5}, round_to={"ffn": 4})
    assert len(made.keep[UNITS[0]]) == 8 and len(made.keep[UNITS[1]]) % 4 == 0
    assert made.after.params <= 0.55 * made.before.params


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"protect": ["layers.7"]}, "protect: no unit or kind is called 'layers.7'"),
        ({"protect": ["fnn"]}, "did you mean 'ffn'"),
        ({"floors": {"ffn": 9}}, "layers.1.feed_forward.units should keep 9, but has only 6"),
        ({"round_to": 0}, "give at least 1"),
        ({"round_to": {"head": 2}}, "round_to: no unit or kind is called 'head'"),
    ],
)
def test_rules_that_do_not_fit(options: dict, said: str) -> None:
    model = Mlp.of(9, 6)
    with pytest.raises(PlanError, match=said):
        plan(model, Budget(params=0.5), scores(model), **options)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"layers.0.units": torch.ones(8)}, "no unit is called 'layers.0.units'; did you mean"),
        ({UNITS[0]: torch.ones(7)}, r"has 8 elements, but scores of shape \(7,\)"),
        ({UNITS[0]: torch.full((8,), float("nan"))}, "not finite"),
        ({UNITS[0]: torch.full((8,), float("inf"))}, "not finite; to keep a unit whole, protect it"),
    ],
)
def test_scores_that_do_not_fit(values: dict, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        plan(Mlp.of(8, 6), Budget(params=0.5), Scores(values))


def test_scores_that_estimate_a_loss_are_not_negative() -> None:
    values = {UNITS[0]: torch.arange(-2.0, 6.0)}
    assert plan(Mlp.of(8, 6), Budget(params=0.8), Scores(values, per_cost=0)).after is not None
    with pytest.raises(PlanError, match="must not be negative"):
        plan(Mlp.of(8, 6), Budget(params=0.8), Scores(values, per_cost=1))


def test_impossible_budgets_say_what_is_possible_and_what_is_in_the_way() -> None:
    model = Mlp.of(8, 8)  # 93 parameters a layer, 5 of them the output bias
    values = scores(model)
    with pytest.raises(BudgetError) as error:
        plan(model, Budget(params="0.04"), values, round_to=1)
    assert "params may be 7.44 parameters (4.0 % of the reference)" in str(error.value)
    assert "10 parameters (5.4 % of the reference) are left. Raise the limit" in str(error.value)
    assert "in the way: units of the kind ffn_block have no scores (10)" in str(error.value)
    with pytest.raises(BudgetError, match=r"in the way: parameters of no unit stay \(4\)$"):
        plan(Chain.of(8, 6), Budget(params=0.09), scores(Chain.of(8, 6)), round_to=1)
    assert plan(model, Budget(params=0.054), values, round_to=1).after.params == 10

    with pytest.raises(BudgetError, match=r"98 parameters.*are left.*layers.1.feed_forward.units is protected \(88\)"):
        plan(model, Budget(params=0.3), values, round_to=1, protect=[UNITS[1]])
    with pytest.raises(BudgetError, match=r"layers.0.feed_forward.units keeps at least 4 \(44\)"):
        plan(model, Budget(params=0.2), values, round_to=1, floors={UNITS[0]: 4})
    with pytest.raises(BudgetError, match=r"units of the kind ffn have no scores \(88\)"):
        plan(model, Budget(params=0.2), Scores({UNITS[0]: values[UNITS[0]]}), round_to=1)
    with pytest.raises(BudgetError, match=r"macs may be .* units of the kind ffn have no scores"):
        plan(model, Budget(params=0.9, macs=0.2), Scores({UNITS[0]: values[UNITS[0]]}), round_to=1)


def test_a_budget_that_is_met_already_removes_nothing() -> None:
    model = Mlp.of(8, 6)
    made = plan(model, Budget(params=1.0), scores(model))
    assert made.after == made.before and all(len(kept) == made.sizes[name] for name, kept in made.keep.items())


class Remembering(Mlp):
    original_shape = {"layers": [{"feed_forward": {"units": 16}}, {"feed_forward": {"units": 16}}]}


def test_pruning_again_counts_from_the_first_network() -> None:
    dense, slim = Mlp.of(16, 16), Remembering.of(8, 8)
    again = plan(slim, Budget(params=0.25), scores(slim), round_to=1)
    assert again.reference == cost(dense) and again.before == cost(slim)
    assert 0.2 * cost(dense).params < again.after.params <= 0.25 * cost(dense).params
    current = plan(slim, Budget(params=0.25, reference="current"), scores(slim), round_to=1)
    assert current.after.params <= 0.25 * cost(slim).params


# --- explicit widths --------------------------------------------------------------------------------------------------


def test_explicit_widths() -> None:
    model = Mlp.of(8, 6)
    by_kind = Plan.to_shape(model, {"ffn": [3, 2]}, scores(model))
    for name, width in zip(UNITS, (3, 2), strict=True):
        assert by_kind.keep[name] == sorted(scores(model)[name].argsort(descending=True)[:width].tolist())
    by_kind.validate(model)
    assert by_kind.after == cost(Mlp.of(3, 2)) and by_kind.before == cost(model)
    by_name = Plan.to_shape(model, {"layers.0.feed_forward": 0, UNITS[1]: 4})
    assert by_name.keep == {"layers.0.feed_forward": [], UNITS[1]: [0, 1, 2, 3]}
    assert by_name.after == cost(Mlp.of(4))
    assert Plan.to_shape(Tapped.of(9), {"positional_tap": [1]}).keep == {"positional.kernel": [3]}
    assert Plan.to_shape(Grouped.of(8), {"residual": 4}).keep == {"residual": [0, 1, 4, 5]}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"ffn": [3]}, "1 widths for ffn, but the network has 2 such units"),
        ({"ffn": 3}, "1 widths for ffn, but the network has 2"),
        ({"head": [3]}, "no kind or unit is called 'head'; known here: ffn, ffn_block"),
        ({"ffn": [3, 7]}, "layers.1.feed_forward: shape asks for 7 units, but the layer has 6"),
        ({"ffn": [3, -1]}, "shape asks for -1 units"),
        ({"ffn": [3, 2.5]}, "shape asks for 2.5 units"),
        ({"ffn": [3, 2], UNITS[0]: 3}, "given twice"),
    ],
)
def test_explicit_widths_that_do_not_fit(target: dict, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        Plan.to_shape(Mlp.of(8, 6), target)


def test_explicit_widths_below_the_floor_or_between_strata() -> None:
    with pytest.raises(PlanError, match=r"frontend.channels.1: shape asks for 0 channels, but at least 1 must stay"):
        Plan.to_shape(Chain.of(8, 6), {"conv": [4, 0]})
    with pytest.raises(PlanError, match=r"residual: shape asks for 5 elements, but only multiples of 2"):
        Plan.to_shape(Grouped.of(8), {"residual": 5})


# --- plans that do not fit --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "keep", "said"),
    [
        (
            Mlp.of(8, 6),
            {UNITS[1]: [0, 6]},
            r"layers.1.feed_forward: plan keeps unit 6, but the layer has 6 units \(0..5\)",
        ),
        (Mlp.of(8, 6), {UNITS[1]: [-1, 2]}, r"plan keeps unit -1, but the layer has 6 units \(0..5\)"),
        (Mlp.of(8, 6), {UNITS[1]: [2, 2]}, "once each, in ascending order"),
        (Mlp.of(8, 6), {UNITS[1]: [3, 2]}, "once each, in ascending order"),
        (Mlp.of(8, 6), {"layers.2.feed_forward.units": [0]}, "no unit is called 'layers.2.feed_forward.units'"),
        (Chain.of(8, 6), {"frontend.channels.1": []}, "frontend.channels.1: plan keeps 0 channels, but at least 1"),
        (Chain.of(8, 6), {"frontend.channels.1": [9]}, r"plan keeps channel 9, but the layer has 6 channels"),
        (Tapped.of(9), {"positional.kernel": [0, 3]}, "can only go in the order 0, 1, 2"),
        (Grouped.of(8), {"residual": [0, 1, 2, 4]}, "each of the 2 runs of 4 elements must keep equally many.* 1 .* 3"),
    ],
)
def test_refuses_plans_that_do_not_fit(model: Toy, keep: dict, said: str) -> None:
    sizes = {name: unit.size for name, unit in collect(model).units.items()}
    with pytest.raises(PlanError, match=said):
        Plan(keep, sizes).validate(model)


def test_refuses_plans_for_another_network() -> None:
    made = plan(Mlp.of(8, 6), Budget(params=0.5), scores(Mlp.of(8, 6)), round_to=1)
    with pytest.raises(PlanError, match="layers.1.feed_forward: .* with 6 units there, but this one has 5"):
        made.validate(Mlp.of(8, 5))
    with pytest.raises(PlanError, match="layers.1.feed_forward.*does not have"):
        made.validate(Mlp.of(8))


def test_refuses_values_that_do_not_fit() -> None:
    model = Mlp.of(8, 6)
    made = Plan.to_shape(model, {"ffn": [3, 2]})
    made.with_values({UNITS[0]: [0.1, 0.2, 0.3]}).validate(model)
    with pytest.raises(PlanError, match="keeps 3 elements, but has 2 values"):
        made.with_values({UNITS[0]: [0.1, 0.2]}).validate(model)
    with pytest.raises(PlanError, match="has values for it, but does not say"):
        made.with_values({"layers.0.feed_forward": [0.1]}).validate(model)


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_plan_is_plain_data(tmp_path: Path) -> None:
    model = Mlp.of(8, 6)
    made = Plan.to_shape(model, {"ffn": [3, 2]}).with_values({UNITS[0]: [0.25, 0.5, 1.0]})
    made.save(tmp_path / "plan.json")
    data = json.loads((tmp_path / "plan.json").read_text())
    assert data["keep"] == {UNITS[0]: [0, 1, 2], UNITS[1]: [0, 1]}
    assert data["values"] == {UNITS[0]: [0.25, 0.5, 1.0]}
    assert data["after"]["params"] == cost(Mlp.of(3, 2)).params
    assert Plan.load(tmp_path / "plan.json") == made


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a JSON file"),
        ("\x80", "not a text file"),
        ("[]", "not a plan of sottovoce"),
        ("{}", "not a plan of sottovoce"),
        ('{"format": 2, "keep": {}, "sizes": {}}', "format 2 is not known"),
        ('{"format": 1, "keep": {}, "sizes": {}, "kepe": {}}', "unknown key 'kepe'"),
        ('{"format": 1, "keep": {"a": [1.5]}, "sizes": {"a": 3}}', "1.5 is not a whole number"),
        ('{"format": 1, "keep": {"a": [true]}, "sizes": {"a": 3}}', "True is not a whole number"),
        ('{"format": 1, "keep": {"a": 1}, "sizes": {"a": 3}}', "not a plan of sottovoce"),
        ('{"format": 1, "keep": {"a": [1]}, "sizes": {"a": 3}, "after": {}}', "not a plan of sottovoce"),
    ],
)
def test_refuses_files_that_are_no_plans(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(PlanError, match=said):
        Plan.load(tmp_path / "plan.json")


def test_refuses_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"nothing.json: cannot be read \(No such file"):
        Plan.load(tmp_path / "nothing.json")


def test_prints_as_a_table() -> None:
    model = Mlp.of(8, 6)
    made = Plan.to_shape(model, {"layers.0.feed_forward": 0, UNITS[1]: 3})
    lines = made.table().splitlines()
    (removed,) = [line for line in lines if "layers.0" in line]
    assert "layers.0.feed_forward " in removed and "removed" in removed
    (kept,) = [line for line in lines if "layers.1" in line]
    assert kept.split() == [UNITS[1], "3", "6", "████████████············"]
    assert any(str(made.after) in line for line in lines)

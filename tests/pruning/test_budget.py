"""What a budget means, and how it refuses what means nothing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.errors import BudgetError
from sottovoce.pruning.budget import Amount, Budget, Constraint, parse_amount
from sottovoce.pruning.costs import CostModel, cost, human
from toys import Chain, Mlp


@pytest.mark.parametrize(
    ("amount", "number", "fraction"),
    [
        (0.2, 0.2, True),
        (1.0, 1.0, True),
        (1, 1.0, True),
        ("0.2", 0.2, True),
        ("20%", 0.2, True),
        (" 12.5 % ", 0.125, True),
        ("20M", 20e6, False),
        ("1.1G", 1.1e9, False),
        ("1.1 g", 1.1e9, False),
        ("900k", 900e3, False),
        ("2e7", 2e7, False),
        ("20_000_000", 2e7, False),
        (18_880_000, 18.88e6, False),
        (1.5e6, 1.5e6, False),
    ],
)
def test_amounts(amount: Amount, number: float, fraction: bool) -> None:
    assert parse_amount(amount) == (pytest.approx(number), fraction)


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0, "leaves nothing"),
        (-0.2, "leaves nothing"),
        ("0%", "leaves nothing"),
        ("120%", "more than the whole"),
        (1.5, "neither a fraction up to 1 nor a plausible amount"),
        (20, "neither a fraction"),
        ("20", "neither a fraction"),
        ("twenty", "give a fraction kept"),
        ("1.2.3M", "give a fraction kept"),
        ("", "give a fraction kept"),
        (float("nan"), "leaves nothing"),
        (float("inf"), "leaves nothing"),
        (True, "give a fraction kept"),
        (None, "give a fraction kept"),
        ([0.2], "give a fraction kept"),
    ],
)
def test_amounts_that_mean_nothing(amount: object, said: str) -> None:
    with pytest.raises(BudgetError, match=said):
        parse_amount(amount, "params")  # type: ignore[arg-type]


@given(st.floats(1e3, 1e12))
def test_what_is_printed_can_be_read(number: float) -> None:
    assert parse_amount(human(number)) == (pytest.approx(number, rel=5e-4), False)


def test_lines() -> None:
    assert Budget.parse("params=20%") == Budget(params="20%")
    assert Budget.parse("params=20M,macs=1.1G, seconds=8") == Budget(params="20M", macs="1.1G", seconds=8.0)
    both = Budget.parse("frontend.macs=0.3 layers.params=5M reference=current")
    assert both == Budget(per={"frontend": {"macs": "0.3"}, "layers": {"params": "5M"}}, reference="current")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "no limit given"),
        ("seconds=8", "no limit given"),
        ("params", "not of the form key=amount"),
        ("params=", "not of the form key=amount"),
        ("param=20%", "'param' is unknown; did you mean 'params'"),
        ("params=20%,params=30%", "given twice"),
        ("params=20%,seconds=long", "seconds is 'long'"),
        ("params=20%,seconds=-1", "seconds is -1.0"),
        ("params=20%,reference=dense", "can be original or current"),
        ("frontend.flops=0.3", "'flops' is unknown"),
    ],
)
def test_lines_that_mean_nothing(line: str, said: str) -> None:
    with pytest.raises(BudgetError, match=said):
        Budget.parse(line)


def test_limits_of_parts_must_be_a_mapping() -> None:
    with pytest.raises(BudgetError, match="write per="):
        Budget(per={"frontend": 0.3})  # type: ignore[dict-item]


def constraints(budget: Budget, model: torch.nn.Module, reference: torch.nn.Module | None = None) -> list[Constraint]:
    return budget.constraints(CostModel(model, budget.seconds), cost(reference or model, budget.seconds))


def test_fractions_are_of_the_reference_and_measures_of_the_network() -> None:
    dense, slim = Mlp.of(8, 6), Mlp.of(4, 3)
    params, macs = constraints(Budget(params=0.4, macs="1.5k", seconds=2.0), slim, dense)
    assert params.target == 0.4 * cost(dense).params and params.reference == cost(dense).params
    assert params.sparsity == pytest.approx(0.6)
    assert macs.target == 1500 and macs.reference == cost(dense, 2.0).macs
    whole = CostModel(slim).full()
    assert params.measure(whole) == cost(slim).params
    assert macs.measure(whole[None].repeat(3, 1)).tolist() == [cost(slim, 2.0).macs] * 3


def test_parts() -> None:
    model = Chain.of(8, 6)
    (limit,) = constraints(Budget(per={"frontend": {"macs": 0.5}}), model)
    assert limit.name == "frontend macs" and limit.reference == cost(model).parts["frontend"].macs
    with pytest.raises(BudgetError, match="no part 'layers'; known here: "):
        constraints(Budget(per={"layers": {"macs": 0.5}}), model)


def test_a_part_may_not_cost_more_than_the_whole() -> None:
    with pytest.raises(BudgetError, match="layers params may be 150, but the whole network only 120"):
        constraints(Budget(params=120, per={"layers": {"params": 150}}), Mlp.of(8, 6))

"""The cost polynomial against counting, against enumeration, and against torch's own counter."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sottovoce.encoder.units import MacTerm, Rows, Timing, Unit, collect, elements, rows, shrink
from sottovoce.pruning.costs import Cost, CostModel, cost, human, reference_cost
from toys import TOYS, Chain, Grouped, Mlp, Toy


def some_keeps(model: nn.Module) -> list[dict[str, list[int]]]:
    """A few things to keep, as every unit allows."""
    units = collect(model).units
    out = []
    for share in (0.25, 0.5, 0.8):
        keep = {}
        for name, unit in units.items():
            run = unit.size // unit.strata
            count = max(round(share * run), -(-unit.floor // unit.strata))
            first = run - count if unit.ordered else 0
            keep[name] = [s * run + first + i for s in range(unit.strata) for i in range(count)]
            if unit.contains:
                keep[name] = [0]
        out.append(keep)
    return out


@pytest.mark.parametrize("toy", TOYS)
def test_counts_what_is_there(toy: str) -> None:
    model = TOYS[toy]().double()
    counted = cost(model, 2.0)
    assert counted.params == sum(p.numel() for p in model.parameters())
    x = torch.randn(1, model.timing(2.0).samples, model.inputs, dtype=torch.float64)
    with FlopCounterMode(display=False) as counter:
        model(x)
    # In front of the convolutions of a toy lies padding, whose products the counter leaves in and we do too.
    assert counted.macs == counter.get_total_flops() / 2
    assert sum(p.params for p in counted.parts.values()) == counted.params
    assert sum(p.macs for p in counted.parts.values()) == counted.macs


@pytest.mark.parametrize("toy", TOYS)
def test_predicts_the_narrowed_network(toy: str) -> None:
    model = TOYS[toy]()
    for keep in some_keeps(model):
        small = model.shrunk(shrink(model.shape, collect(model).units, keep))
        predicted = CostModel(model, 2.0).cost({n: len(k) for n, k in keep.items()})
        assert predicted == cost(small, 2.0)
        assert predicted.params == sum(p.numel() for p in small.parameters()) < cost(model).params


def test_a_block_takes_everything_inside_it() -> None:
    model = Mlp.of(8, 6)
    costs = CostModel(model)
    without = costs.cost({"layers.0.feed_forward": 0, "layers.0.feed_forward.units": 3})
    assert without == cost(Mlp.of(6)) == costs.cost({"layers.0.feed_forward": 0})


def test_expected_cost_is_the_mean_over_all_choices() -> None:
    """Gates of different units are independent and the cost is linear in each of them, so E[cost] = cost(E[widths])."""
    model = Chain.of(3, 2)
    costs = CostModel(model)
    p = {"frontend.channels.0": [0.9, 0.3, 0.5], "frontend.channels.1": [0.2, 0.7]}
    mean = torch.zeros(2, dtype=torch.float64)
    for gates in itertools.product((0, 1), repeat=5):
        chance = math.prod(q if z else 1 - q for q, z in zip(sum(p.values(), []), gates, strict=True))
        widths = {"frontend.channels.0": sum(gates[:3]), "frontend.channels.1": sum(gates[3:])}
        mean += chance * torch.stack(costs.evaluate(widths))
    expected = costs.evaluate({name: sum(q) for name, q in p.items()})
    torch.testing.assert_close(torch.stack(expected), mean)


@pytest.mark.parametrize("toy", TOYS)
def test_many_widths_at_once_and_gradients(toy: str) -> None:
    costs = CostModel(TOYS[toy]())
    random = torch.Generator().manual_seed(0)
    widths = costs.full() * (0.2 + 0.8 * torch.rand(3, 4, len(costs.names), generator=random, dtype=torch.float64))
    params, macs = costs.evaluate(widths)
    assert params.shape == macs.shape == (3, 4)
    torch.testing.assert_close(costs.evaluate(widths[1, 2])[1], macs[1, 2])
    torch.testing.assert_close(sum(costs.evaluate(widths, part)[0] for part in costs.parts), params)
    assert torch.autograd.gradcheck(lambda w: costs.evaluate(w), widths[0].clone().requires_grad_(True))
    single = costs.evaluate(widths.float())
    assert single[0].dtype == torch.float32
    torch.testing.assert_close(single[0].double(), params, rtol=1e-5, atol=0)


def test_gradients_survive_a_width_of_zero() -> None:
    costs = CostModel(Mlp.of(8, 6))
    widths = costs.full()
    widths[costs.index["layers.0.feed_forward.units"]] = 0.0
    widths.requires_grad_(True)
    costs.evaluate(widths)[0].backward()
    # up: a row and its bias; down: a column
    assert widths.grad is not None and widths.grad[costs.index["layers.0.feed_forward.units"]] == 5 + 1 + 5


def test_widths_by_name_are_differentiable() -> None:
    costs = CostModel(Chain.of(8, 6))
    width = torch.tensor(4.0, requires_grad=True)
    costs.evaluate({"frontend.channels.0": width})[0].backward()
    assert width.grad == 5 * 3 + 1 + 6 * 3


def test_groups_share_one_width() -> None:
    whole, half = CostModel(Grouped.of(8)), cost(Grouped.of(4))
    assert whole.cost({"residual": 4}) == half


class Odd(Toy):
    """A matrix whose rows belong to two units at once."""

    def __init__(self, tied: torch.Tensor, strata: int = 1):
        super().__init__({})
        self.weight = nn.Parameter(torch.zeros(6, 5))
        self.tied, self.strata = tied, strata

    def units(self) -> list[Unit]:
        return [
            Unit("a", "residual", 6, (rows("weight", 0, 6),), strata=self.strata),
            Unit("b", "head", len(self.tied), (Rows("weight", 0, self.tied),)),
        ]


def test_two_units_on_the_same_rows() -> None:
    """Groups of a stream that keeps equally many channels in each: the product of what both keep."""
    model = Odd(elements(3, 2), strata=3)
    assert CostModel(model).cost({"a": 3, "b": 2}).params == 6 * 5 * (3 / 6) * (2 / 3)
    partly = Odd(torch.tensor([[0, 1], [2, 3]]), strata=3)  # rows 4 and 5 belong to one unit only
    assert CostModel(partly).cost({"a": 3, "b": 1}).params == (4 * (3 / 6) * (1 / 2) + 2 * (3 / 6)) * 5


def test_elements_may_own_no_row() -> None:
    """A stream of which only some groups are left in a module: -1 stands for no row."""
    unit = Unit("a", "residual", 6, (Rows("weight", 0, torch.tensor([[0], [1], [-1], [-1], [2], [3]])),), strata=3)
    model = Wrong(unit)
    assert CostModel(model).cost({"a": 3}).params == 2 * 5
    assert CostModel(model).cost({"a": 6}).params == 4 * 5


def test_refuses_counts_that_depend_on_the_choice() -> None:
    with pytest.raises(ValueError, match="depends on which elements"):
        CostModel(Odd(elements(3, 2)))
    with pytest.raises(ValueError, match="depends on which elements of b"):
        CostModel(Odd(torch.tensor([[0, 1], [2, -1]]), strata=6))


class Wrong(Toy):
    def __init__(self, unit: Unit | None = None, macs: MacTerm | None = None):
        super().__init__({})
        self.weight = nn.Parameter(torch.zeros(4, 5))
        self.declared = [unit] if unit else [], [macs] if macs else []

    def units(self) -> list[Unit]:
        return self.declared[0]

    def macs(self) -> list[MacTerm]:
        return self.declared[1]


def test_refuses_wrong_declarations() -> None:
    with pytest.raises(ValueError, match="owns rows of bias, which the network does not have"):
        CostModel(Wrong(Unit("a", "ffn", 4, (rows("bias", 0, 4),))))
    with pytest.raises(ValueError, match="owns row 7 of 4"):
        CostModel(Wrong(Unit("a", "ffn", 4, (rows("weight", 0, 4, 2),))))
    with pytest.raises(ValueError, match="multiplies wieght"):
        CostModel(Wrong(macs=MacTerm(lambda t: 1, parameter="wieght")))
    with pytest.raises(ValueError, match="counts the unit heads"):
        CostModel(Wrong(macs=MacTerm(lambda t: 1, unit="heads")))


def test_constant_and_unit_multiplications() -> None:
    unit = Unit("a", "ffn", 4, (rows("weight", 0, 4),))
    model = Wrong(unit, MacTerm(lambda t: t.frames**2, unit="a", each=3.0))
    assert cost(model, 2.0).macs == 20**2 * 4 * 3
    assert CostModel(model, 2.0).cost({"a": 1}).macs == 20**2 * 3
    assert cost(Wrong(macs=MacTerm(lambda t: t.samples * 7)), 2.0).macs == 140


class Remembering(Mlp):
    original_shape = {"layers": [{"feed_forward": {"units": 8}}, {"feed_forward": {"units": 6}}]}


def test_reference_is_the_network_before_any_pruning() -> None:
    slim = Remembering.of(2, 6)
    assert reference_cost(slim, 2.0) == cost(Mlp.of(8, 6), 2.0)
    assert reference_cost(slim, 2.0, "current") == cost(slim, 2.0)
    assert reference_cost(Mlp.of(2), 2.0) == cost(Mlp.of(2), 2.0)


def test_looks() -> None:
    model = Mlp.of(8, 6)
    counted = cost(model, 2.0)
    assert str(counted) == "164 parameters, 2.8 k MACs at 2 s".replace("2.8 k", human(counted.macs))
    (part,) = counted.parts
    assert counted.table().splitlines()[1].split() == [part, "164", "100.0", *human(counted.macs).split(), "100.0"]
    assert Cost.from_dict(counted.to_dict()) == counted
    assert [human(n) for n in (0, 7, 999, 1000, 999_950, 94_381_936, 6.911e9)] == [
        "0",
        "7",
        "999",
        "1.000 k",
        "1.000 M",
        "94.38 M",
        "6.911 G",
    ]


def test_timing_is_asked_of_the_network() -> None:
    model = Mlp.of(8)
    assert isinstance(model.timing(1.0), Timing)
    assert cost(model, 3.0).macs == 3 * cost(model, 1.0).macs
    assert cost(model, 3.0).params == cost(model, 1.0).params

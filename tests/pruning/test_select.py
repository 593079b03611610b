"""The choice against all candidates: every constraint holds, and little is lost beyond what has to be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sottovoce.encoder.unit_kinds import rounded_kinds
from sottovoce.pruning.budget import Budget, Constraint
from sottovoce.pruning.costs import CostModel
from sottovoce.pruning.planning.candidates import (
    Rules,
    allowed_widths,
    list_candidates,
    removal_order,
    resolve_rules,
)
from sottovoce.pruning.planning.scores import Scores, relative
from sottovoce.pruning.planning.width_selection import WidthSelection, select
from toys import TOYS, Chain, Grouped, Mlp, Tapped, Toy


def random_scores(model: Toy, seed: int, *, blocks: bool = False, per_cost: float = 1.0) -> Scores:
    random = torch.Generator().manual_seed(seed)
    units = CostModel(model).declarations.units
    scores = {n: torch.rand(u.size, generator=random, dtype=torch.float64) for n, u in units.items() if not u.contains}
    for name, unit in units.items():
        if unit.contains and blocks:  # worth about what is inside it
            share = 0.5 + torch.rand(1, generator=random, dtype=torch.float64)
            scores[name] = share * scores[f"{name}.units"].sum()
    return Scores(scores, per_cost=per_cost)


def selection(model: Toy, budget: Budget, scores: Scores, round_to: int = 1) -> WidthSelection:
    costs = CostModel(model, budget.seconds)
    asked = resolve_rules(costs.declarations, round_to, (), {})
    possible = list_candidates(costs.declarations, scores, asked)
    return WidthSelection(possible, costs, budget.constraints(costs, costs.cost()), per_cost=scores.per_cost)


def best_of_all(chosen: WidthSelection) -> float:
    """The least loss that any choice of widths has under the constraints."""
    states = list(itertools.product(*(range(n + 1) for n in chosen.last)))
    reached = chosen.measure(np.stack([chosen.widths(np.array(s)) for s in states]))
    before, best = chosen.removed, np.inf
    for state, costs in zip(states, reached, strict=True):
        if (costs <= chosen.target).all():
            chosen.removed = np.array(state)
            best = min(best, chosen.loss())
    chosen.removed = before
    return best


MODELS = {"mlp": lambda: Mlp.of(7, 6, 5), "chain": lambda: Chain.of(8, 7, 6)}
BUDGETS = {
    "params": Budget(params=0.5),
    "macs": Budget(macs=0.35),
    "both": Budget(params=0.45, macs=0.4),
}


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("toy", MODELS)
def test_loses_little_more_than_the_best_of_all(toy: str, budget: str) -> None:
    excess = []
    for seed in range(8):
        chosen = selection(MODELS[toy](), BUDGETS[budget], random_scores(MODELS[toy](), seed))
        chosen.remove()
        chosen.fill()
        assert chosen.holds()
        best, everything = best_of_all(chosen), chosen.scores.sum()
        assert chosen.loss() >= best - 1e-9
        excess.append((chosen.loss() - best) / everything)
    # Costs of alike units are one knapsack, which taking by density solves; a chain multiplies its widths.
    assert max(excess) <= (1e-9 if toy == "mlp" else 0.04)
    assert np.mean(excess) <= 0.01


@pytest.mark.parametrize("budget", BUDGETS)
def test_whole_blocks(budget: str) -> None:
    """A block holds up to a half of so small a network, so the last one to go costs up to that much more than needed."""
    removed = 0
    excess = []
    for seed in range(5):
        model = MODELS["mlp"]()
        chosen = selection(model, BUDGETS[budget], random_scores(model, seed, blocks=True))
        chosen.remove()
        chosen.fill()
        assert chosen.holds()
        inner = sum(c.scores.sum() for c in chosen.choices if not c.unit.contains)
        excess.append((chosen.loss() - best_of_all(chosen)) / inner)
        removed += sum(int(chosen.removed[i]) for i, c in enumerate(chosen.choices) if c.unit.contains)
    assert removed > 0
    assert min(excess) >= -1e-9 and max(excess) <= 0.1 and np.mean(excess) <= 0.02


def test_a_weak_block_goes_whole() -> None:
    model = Mlp.of(6, 6, 6)
    scores = random_scores(model, 0, blocks=True)
    scores["layers.1.feed_forward"] = torch.tensor([1e-6], dtype=torch.float64)
    chosen = selection(model, Budget(params=0.7), scores)
    chosen.remove()
    chosen.fill()
    widths = dict(zip([c.unit.name for c in chosen.choices], chosen.widths()[chosen.place], strict=True))
    assert widths["layers.1.feed_forward"] == 0
    assert widths["layers.0.feed_forward"] == widths["layers.2.feed_forward"] == 1
    # A third of the network goes with the block, which is more than was asked: nothing else had to go.
    assert widths["layers.0.feed_forward.units"] == widths["layers.2.feed_forward.units"] == 6


def test_a_block_loses_only_what_is_left_in_it() -> None:
    """Once its inner elements are gone, removing the block itself loses next to nothing."""
    model = Mlp.of(10, 10)
    scores = Scores(
        {
            "layers.0.feed_forward": torch.tensor([10.5]),
            "layers.0.feed_forward.units": torch.ones(10),
            "layers.1.feed_forward.units": torch.full((10,), 1.2),
        },
        per_cost=1,
    )
    chosen = selection(model, Budget(params=10 * 11 + 5), scores)  # as much as one layer may stay
    chosen.remove()
    assert chosen.widths().tolist() == [0, 0, 1, 10]
    chosen.fill()
    assert chosen.loss() == 10.5


@settings(max_examples=60, deadline=None)
@given(
    toy=st.sampled_from(sorted(TOYS)),
    params=st.floats(0.3, 1.0),
    macs=st.none() | st.floats(0.3, 1.0),
    seed=st.integers(0, 1000),
    per_cost=st.sampled_from([0.0, 0.5, 1.0]),
    round_to=st.sampled_from([1, 2, 3]),
    blocks=st.booleans(),
)
def test_any_budget_holds_and_nothing_more_would_fit(
    toy: str, params: float, macs: float | None, seed: int, per_cost: float, round_to: int, blocks: bool
) -> None:
    model = TOYS[toy]()
    scores = random_scores(model, seed, blocks=blocks, per_cost=per_cost)
    chosen = selection(model, Budget(params=params, macs=macs), scores, round_to)
    assume((chosen.measure(chosen.least()) <= chosen.target).all())
    chosen.remove()
    chosen.fill()
    assert chosen.holds()
    gone = chosen.inside_removed()
    for i, choice in enumerate(chosen.choices):
        width = int(chosen.widths()[chosen.place[i]])
        multiple = round_to if choice.unit.kind in rounded_kinds() else 1
        assert width in (choice.unit.size, *range(0, choice.unit.size, multiple)) and width % choice.unit.strata == 0
        assert width >= choice.unit.floor
        if chosen.removed[i] and not gone[i]:
            chosen.removed[i] -= 1
            assert not chosen.holds(), f"{choice.unit.name} could have kept more"
            chosen.removed[i] += 1


def test_by_score_alone_what_goes_scores_less_than_what_stays() -> None:
    model = Mlp.of(9, 9, 9)
    scores = random_scores(model, 3, per_cost=0)
    costs = CostModel(model)
    limits = Budget(params=0.5).constraints(costs, costs.cost())
    possible = list_candidates(costs.declarations, scores, resolve_rules(costs.declarations, 1, (), {}))
    widths = select(possible, costs, limits, per_cost=0)
    kept = torch.cat([scores[c.unit.name][c.kept(widths[c.unit.name])] for c in possible])
    gone = torch.cat([scores[c.unit.name][sorted(set(range(9)) - {*c.kept(widths[c.unit.name])})] for c in possible])
    assert len(kept) and len(gone) and kept.min() > gone.max()


@pytest.mark.parametrize("per_cost", [0.0, 0.5, 1.0])
def test_only_what_helps_a_violated_constraint_goes(per_cost: float) -> None:
    """A limit on one part leaves the other alone, however little it scores."""
    model = Mlp.of(8, 8)
    costs = CostModel(model)
    scores = random_scores(model, 0)
    scores["layers.1.feed_forward.units"] *= 1e-6
    first = costs.index["layers.0.feed_forward.units"]
    limit = Constraint("first", 4.0, 8.0, lambda widths: widths[..., first])
    possible = list_candidates(costs.declarations, scores, resolve_rules(costs.declarations, 1, (), {}))
    assert select(possible, costs, [limit], per_cost=per_cost) == {
        "layers.0.feed_forward.units": 4,
        "layers.1.feed_forward.units": 8,
    }


def test_a_measure_with_steps_is_met_too() -> None:
    """Latency may fall only every eight channels: no single element then saves anything."""
    model = Mlp.of(16, 16)
    costs = CostModel(model)
    scores = random_scores(model, 0)
    place = [costs.index[f"layers.{i}.feed_forward.units"] for i in range(2)]
    limit = Constraint("milliseconds", 3.0, 4.0, lambda w: torch.ceil(w[..., place] / 8).sum(-1))
    possible = list_candidates(costs.declarations, scores, resolve_rules(costs.declarations, 1, (), {}))
    widths = select(possible, costs, [limit], per_cost=1)
    assert sorted(widths.values()) == [8, 16]


# --- candidates ----------------------------------------------------------------------------------------------------------


def test_widths_are_multiples_or_whole() -> None:
    assert allowed_widths(37, 8, 1, 0).tolist() == [37, 32, 24, 16, 8, 0]
    assert allowed_widths(37, 8, 1, 9).tolist() == [37, 32, 24, 16]
    assert allowed_widths(32, 8, 1, 1).tolist() == [32, 24, 16, 8]
    assert allowed_widths(12, 16, 1, 1).tolist() == [12]
    assert allowed_widths(12, 4, 3, 3).tolist() == [12]
    assert allowed_widths(24, 2, 3, 3).tolist() == [24, 18, 12, 6]
    assert allowed_widths(1, 1, 1, 0).tolist() == [1, 0]
    assert allowed_widths(0, 8, 1, 0).tolist() == [0]


def test_strata_lose_equally_many() -> None:
    unit = CostModel(Grouped.of(8)).declarations.units["residual"]
    order = removal_order(unit, torch.tensor([8.0, 1, 7, 2, 30, 60, 50, 40])).tolist()
    assert order == [1, 4, 3, 7, 2, 6, 0, 5]


def test_ordered_units_go_from_the_outside_in() -> None:
    """The weak ring inside can only go after the strong one around it, so the two are weighed together."""
    model = Tapped.of(9)
    scores = Scores({"positional.kernel": torch.tensor([5.0, 1.0, 9.0, 10.0])}, per_cost=1)
    costs = CostModel(model)
    (choice,) = list_candidates(costs.declarations, scores, resolve_rules(costs.declarations, 1, (), {}))
    assert choice.order.tolist() == [0, 1, 2, 3]
    assert choice.scores.tolist() == [3.0, 3.0, 9.0, 10.0]
    assert choice.kept(2) == [2, 3]


def test_rules() -> None:
    declared = CostModel(Mlp.of(64, 64)).declarations
    asked = resolve_rules(declared, {"ffn": 32, "layers.1.*": 8}, ["layers.0.feed_forward.units"], {"ffn": 4})
    assert asked == Rules(
        {"layers.0.feed_forward.units": 32, "layers.1.feed_forward.units": 8},
        # A block with something protected, or a floor of the user's, inside it cannot go.
        frozenset({"layers.0.feed_forward.units", "layers.0.feed_forward", "layers.1.feed_forward"}),
        {"layers.0.feed_forward.units": 4, "layers.1.feed_forward.units": 4},
    )
    assert set(resolve_rules(declared, None, (), {}).round_to.values()) == {16}
    assert set(resolve_rules(declared, 24, (), {}).round_to.values()) == {24}


def test_relative_scores() -> None:
    scores = relative({"a": torch.tensor([4.0, 1.0, 3.0]), "b": torch.tensor([40.0, 10.0, 30.0])})
    expected = 3**0.5 * torch.tensor([1.0, 1 / 8, 3 / 7], dtype=torch.float64)
    torch.testing.assert_close(scores["a"], expected)
    torch.testing.assert_close(scores["b"], scores["a"])
    assert scores.per_cost == 0.5 and list(scores) == ["a", "b"]
    pooled = relative({"x": torch.tensor([2.0]), "y": torch.tensor([6.0])}, [["x", "y"]])
    torch.testing.assert_close(pooled["x"], torch.tensor([2 * 0.25], dtype=torch.float64))
    torch.testing.assert_close(pooled["y"], torch.tensor([2.0], dtype=torch.float64))
    assert torch.equal(relative({"z": torch.zeros(3)})["z"], torch.zeros(3, dtype=torch.float64))

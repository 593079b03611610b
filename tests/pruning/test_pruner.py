"""A training loop with a `Pruner`, against the same loop made by hand of gates, constraints and a Lagrangian."""

import pytest
import torch

from sottovoce.errors import BudgetError
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.costs import CostModel, cost, reference_cost
from sottovoce.pruning.gating.gates import Gates
from sottovoce.pruning.gating.lagrangian import Lagrangian, expected_widths, gate_learning_rate
from sottovoce.pruning.gating.ramps import cosine
from sottovoce.pruning.planning.plans import plan
from sottovoce.pruning.pruner import Pruner
from sottovoce.pruning.slimming import slim
from tiny_models import tiny_encoder

STEPS, RAMP = 12, 8
BUDGET = Budget(params=0.6, macs=0.7, seconds=2)


def train(encoder, groups, begin, penalty):
    torch.manual_seed(0)
    waveform = torch.randn(2, 3200)
    target = encoder.eval()(waveform).last_hidden_state.detach()
    optimizer = torch.optim.AdamW([{"params": encoder.parameters(), "lr": 1e-3}, *groups])
    encoder.train()
    penalties = []
    for step in range(STEPS):
        begin(step)
        added = penalty(step)
        loss = (encoder(waveform).last_hidden_state - target).abs().mean() + added
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        penalties.append(added.item())
    encoder.eval()
    return penalties


def by_hand():
    encoder = tiny_encoder()
    gates, costs = Gates(encoder), CostModel(encoder, BUDGET.seconds)
    constraints = BUDGET.constraints(costs, reference_cost(encoder, BUDGET.seconds))
    lagrangian = Lagrangian(constraints, expected_widths(costs, gates), steps=RAMP, ramp=cosine)
    lr = gate_learning_rate(RAMP)
    groups = [{"params": gates.parameters(), "lr": lr, "weight_decay": 0.0}, lagrangian.group(lr)]
    penalties = train(encoder, groups, gates.sample, lambda step: lagrangian(expected_widths(costs, gates), step)[0])
    frozen = gates.freeze(plan(encoder, BUDGET, gates.scores()))
    gates.detach()
    return encoder, penalties, frozen


def by_pruner():
    encoder = tiny_encoder()
    pruner = Pruner(encoder, BUDGET, steps=RAMP, ramp=cosine)
    penalties = train(encoder, pruner.parameter_groups(), pruner.begin, lambda _: pruner.penalty()[0])
    return encoder, penalties, pruner


@pytest.mark.filterwarnings("ignore::sottovoce.pruning.planning.removals.RemovedPartWarning")
def test_a_pruner_trains_bit_for_bit_what_its_parts_do():
    encoder, penalties, frozen = by_hand()
    pruned, same_penalties, pruner = by_pruner()
    assert same_penalties == penalties and any(penalties)
    assert all(torch.equal(a, b) for a, b in zip(encoder.parameters(), pruned.parameters(), strict=True))
    chosen = pruner.finish()
    assert (chosen.keep, chosen.values) == (frozen.keep, frozen.values)
    small = slim(pruned, chosen)  # with gates still attached, it would refuse
    assert cost(small).params <= 0.6 * cost(encoder).params < cost(encoder).params


def test_sparsity_is_that_of_the_widths_that_gates_expect():
    encoder = tiny_encoder()
    pruner = Pruner(encoder, BUDGET, steps=RAMP)
    with torch.no_grad():
        pruner.gates.log_alpha.fill_(-20.0)  # every gate is closed
    pruner.gates.detach()
    empty = CostModel(encoder, BUDGET.seconds).cost(dict.fromkeys(pruner.gates.names, 0))
    dense = cost(encoder, BUDGET.seconds)
    expected = {"params": 1 - empty.params / dense.params, "macs": 1 - empty.macs / dense.macs}
    assert pruner.sparsity() == pytest.approx(expected, abs=1e-4)


def test_the_draw_of_a_step_is_a_function_of_its_seed():
    encoder = tiny_encoder().train()
    pruner = Pruner(encoder, BUDGET, steps=RAMP, start=0.0)
    waveform = torch.zeros(1, 1600)

    def drawn(step, seed=None):
        pruner.begin(step, seed)
        encoder(waveform)
        return {name: value.detach() for name, value in pruner.gates._now.items()}

    first, second, again = drawn(0), drawn(1), drawn(7, seed=0)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_the_learning_rates_can_be_given():
    pruner = Pruner(tiny_encoder(), BUDGET, steps=RAMP, lr=0.3, multiplier_lr=0.7)
    assert {group["name"]: group["lr"] for group in pruner.parameter_groups()} == {"gates": 0.3, "multipliers": 0.7}
    assert [group.get("maximize", False) for group in pruner.parameter_groups()] == [False, True]


def test_a_budget_of_an_unknown_part_is_refused():
    with pytest.raises(BudgetError, match="there is no part 'tail'"):
        Pruner(tiny_encoder(), Budget(per={"tail": {"params": 0.5}}), steps=RAMP)

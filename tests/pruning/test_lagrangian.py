import pytest
import torch

from sottovoce.pruning.budget import Budget, Constraint
from sottovoce.pruning.costs import CostModel, reference_cost
from sottovoce.pruning.gating.gates import Gates
from sottovoce.pruning.gating.lagrangian import Lagrangian, expected_widths, gate_learning_rate
from sottovoce.pruning.gating.ramps import RAMPS, cosine, linear, ramp_at
from tiny_models import tiny_encoder


def limit(name="cost", sparsity=0.5, unit=0):
    """A cost of 10 a kept element of one unit, out of 100."""
    return Constraint(name, 100 * (1 - sparsity), 100.0, lambda widths: 10 * widths[unit])


@pytest.mark.parametrize("name", RAMPS)
def test_ramps_rise_from_0_to_1_and_stay_there(name):
    values = [ramp_at(RAMPS[name], step, 20, 0.0, 1.0) for step in range(30)]
    assert values[0] == pytest.approx(0) and values[20:] == pytest.approx([1.0] * 10)
    assert all(a < b for a, b in zip(values[:20], values[1:21], strict=True))


PUBLISHED = {
    "linear": [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875],
    "cosine": [0.0380602337, 0.1464466094, 0.3086582838, 0.5, 0.6913417162, 0.8535533906, 0.9619397663],
    "quadratic_slow_start": [0.015625, 0.0625, 0.140625, 0.25, 0.390625, 0.5625, 0.765625],
}
"""`get_progressive_sparsity(k, 8, 1.0, form)` for k = 1..7, wedefense/utils/prune_utils.py of zlin0/wedefense at e7287fe; the
third is called exponential there."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_ramps_of_wedefense(name):
    assert [ramp_at(RAMPS[name], step, 8, 0.0, 1.0) for step in range(1, 8)] == pytest.approx(PUBLISHED[name], abs=1e-9)


def test_forms_of_the_other_ramps():
    quarter = {name: round(ramp(0.25), 4) for name, ramp in RAMPS.items() if name not in PUBLISHED}
    assert quarter == {"quadratic_fast_start": 0.4375, "sigmoid": 0.0701}


def test_the_ramp_starts_at_the_measured_sparsity():
    term = Lagrangian([limit(sparsity=0.8)], torch.tensor([7.0]), steps=10, ramp=linear)
    assert term.target(0).tolist() == pytest.approx([0.3])
    assert term.target(5).tolist() == pytest.approx([0.55])
    assert term.target(50).tolist() == pytest.approx([0.8])
    assert term(torch.tensor([7.0]), 0)[0].item() == 0


def test_a_budget_that_is_met_already_does_not_ask_for_growth():
    term = Lagrangian([limit(sparsity=0.2)], torch.tensor([5.0]), steps=10)
    assert term.target(10).tolist() == pytest.approx([0.5])


def test_penalty_equals_the_formula():
    term = Lagrangian([limit(sparsity=0.8)], torch.tensor([10.0]), steps=4)
    with torch.no_grad():
        term.l1.fill_(-2.0)
        term.l2.fill_(3.0)
    widths = torch.tensor([9.0], requires_grad=True)
    loss, seen = term(widths, 2)
    gap = 0.1 - 0.4
    assert loss.item() == pytest.approx(-2 * gap + 3 * gap**2)
    loss.backward()
    assert widths.grad.item() == pytest.approx(-0.1 * (-2 + 2 * 3 * gap))
    assert term.l1.grad.item() == pytest.approx(gap) and term.l2.grad.item() == pytest.approx(gap**2)
    assert seen["sparsity/cost"].item() == pytest.approx(0.1) and seen["target/cost"].item() == pytest.approx(0.4)


def test_of_several_constraints_only_those_that_lack_act():
    both = [limit("a", 0.5, 0), limit("b", 0.5, 1)]
    term = Lagrangian(both, torch.tensor([10.0, 10.0]), steps=1)
    with torch.no_grad():
        term.l1.fill_(1.0)

    def gradient(*widths):
        at = torch.tensor(widths, requires_grad=True)
        term(at, 5)[0].backward()
        return [g != 0 for g in at.grad.tolist()]

    assert gradient(8.0, 7.0) == [True, True]
    assert gradient(8.0, 2.0) == [True, False]
    assert gradient(4.0, 2.0) == [True, False]  # both exceeded: the nearer one is an equality


@pytest.mark.parametrize("start", [1.0, 9.0])
def test_it_drives_the_cost_to_the_target_from_either_side(start):
    """With l1 confined to one sign, one of the two would never arrive."""
    term = Lagrangian([limit(sparsity=0.5)], torch.tensor([10.0]), steps=1, ramp=cosine)
    width = torch.nn.Parameter(torch.tensor([start]))
    pull = torch.tensor([9.0 if start < 5 else 1.0])  # the task wants it elsewhere
    optimizer = torch.optim.Adam([{"params": [width], "lr": 0.05}, term.group(0.05)])
    for step in range(1, 1500):
        optimizer.zero_grad()
        (term(width, step)[0] + 0.01 * (width - pull).square().sum()).backward()
        optimizer.step()
    assert width.item() == pytest.approx(5.0, abs=0.3)
    assert (term.l1.item() < 0) == (start < 5)


def test_expected_widths_are_whole_where_there_are_no_gates():
    encoder = tiny_encoder()
    gates = Gates(encoder, ["ffn"])
    costs = CostModel(encoder, 1.0)
    widths = dict(zip(costs.names, expected_widths(costs, gates).tolist(), strict=True))
    assert widths["layers.0.feed_forward.units"] == pytest.approx(
        24 * torch.sigmoid(torch.tensor(6.5986)).item(), rel=1e-4
    )
    assert widths["residual"] == 16 and widths["layers.1.attention.heads"] == 2


def test_gradients_of_a_real_budget_reach_every_gate():
    encoder = tiny_encoder()
    gates = Gates(encoder)
    costs = CostModel(encoder, 1.0)
    budget = Budget(params=0.5, macs=0.5)
    term = Lagrangian(budget.constraints(costs, reference_cost(encoder, 1.0)), expected_widths(costs, gates), steps=1)
    with torch.no_grad():
        term.l1.fill_(-1.0)
    term(expected_widths(costs, gates), 1)[0].backward()
    assert (gates.log_alpha.grad != 0).all()


def test_gates_can_close_within_short_ramps():
    assert gate_learning_rate(10_000) == 0.02
    assert gate_learning_rate(150) * 75 == pytest.approx(10)

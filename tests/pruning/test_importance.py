"""Scores without training, against what removing an element does."""

from __future__ import annotations

import pytest
import torch

from sottovoce.encoder.units import collect
from sottovoce.errors import PlanError
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.importance import activation, magnitude, taylor
from sottovoce.pruning.planning.plans import plan
from sottovoce.pruning.planning.scores import relative
from sottovoce.pruning.slimming import slim
from toys import TOYS, Chain, Grouped, Mlp, Tapped, Toy

KINDS = ("ffn", "conv", "residual", "positional_tap")


def batches(model: Toy, count: int = 3) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    size = model.timing(1.0).samples, model.inputs
    return [torch.randn(2, *size, generator=random, dtype=torch.float64) for _ in range(count)]


def built(toy: str) -> Toy:
    torch.manual_seed(0)
    return TOYS[toy]().double()


def test_magnitude_is_the_norm_of_all_weights_of_an_element() -> None:
    model = Chain.of(4, 3).double()
    first, second = (layer.conv.weight for layer in model.frontend.conv)
    own = [first[e].square().sum() + second[:, e].square().sum() for e in range(4)]
    last = [second[e].square().sum() + model.frontend.project.weight[:, e].square().sum() for e in range(3)]
    expected = relative({"a": torch.stack(own).detach(), "b": torch.stack(last).detach()})
    found = magnitude(model)
    torch.testing.assert_close(found["frontend.channels.0"], expected["a"])
    torch.testing.assert_close(found["frontend.channels.1"], expected["b"])
    assert found.per_cost == 0.5


def test_magnitude_knows_groups() -> None:
    model = Grouped.of(4).double()
    conv = model.positional.conv.weight  # [4, 2, 3]: outputs 0 and 1 read inputs 0 and 1
    expected = []
    for e in range(4):
        group, inside = divmod(e, 2)
        read = conv[2 * group : 2 * group + 2, inside].square().sum()
        own = model.project.weight[e].square().sum() + conv[e].square().sum() + model.out.weight[:, e].square().sum()
        expected.append(own + read)
    found = magnitude(model, ["residual"])["residual"]
    torch.testing.assert_close(found, relative({"a": torch.stack(expected).detach()})["a"])


def test_magnitude_of_blocks_is_that_of_what_is_inside() -> None:
    model = Mlp.of(4, 4).double()
    with torch.no_grad():
        model.layers[0].feed_forward.up.weight *= 0.1
        model.layers[0].feed_forward.down.weight *= 0.1
    found = magnitude(model, ["ffn_block"])
    inside = [
        sum(w.square().sum() for w in (layer.feed_forward.up.weight, layer.feed_forward.down.weight))
        for layer in model.layers
    ]
    expected = relative({"a": inside[0].detach()[None], "b": inside[1].detach()[None]}, [["a", "b"]])
    torch.testing.assert_close(found["layers.0.feed_forward"], expected["a"])
    torch.testing.assert_close(found["layers.1.feed_forward"], expected["b"])


def test_scale_between_layers_does_not_matter() -> None:
    """The scale of one layer is arbitrary where norms stand between layers: it must not favor its elements."""
    torch.manual_seed(0)
    model, other = Mlp.of(6, 6), Mlp.of(6, 6)
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        for parameter in other.layers[0].parameters():
            parameter *= 10
    a, b = magnitude(model), magnitude(other)
    for name in a:
        torch.testing.assert_close(a[name], b[name])


def test_activation_is_the_energy_that_an_element_adds() -> None:
    model = built("mlp")
    data = batches(model)
    layer = model.layers[0].feed_forward
    x = torch.cat(data)
    with torch.no_grad():
        energies = []
        for e in range(8):
            whole = layer(x)
            kept = layer.down.weight[:, e].clone()
            layer.down.weight[:, e] = 0
            energies.append((whole - layer(x)).square().sum(-1).mean())
            layer.down.weight[:, e] = kept
        block = (
            layer(x).square().sum(-1).mean(),
            model.layers[1].feed_forward(model.layers[0](x)).square().sum(-1).mean(),
        )
    found = activation(model, data, ["ffn", "ffn_block"])
    torch.testing.assert_close(found["layers.0.feed_forward.units"], relative({"a": torch.stack(energies)})["a"])
    expected = relative({"a": block[0][None], "b": block[1][None]}, [["a", "b"]])
    torch.testing.assert_close(found["layers.1.feed_forward"], expected["b"])


@pytest.mark.parametrize("toy", TOYS)
def test_taylor_is_the_derivative_of_the_loss(toy: str) -> None:
    """Against a finite difference: fold a gate of 1 +- h of one element into the weights."""
    model = built(toy)
    data = batches(model)
    units = {n: u for n, u in collect(model).units.items() if u.kind in KINDS}

    def loss(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        return network(x).square().mean()

    found = taylor(model, loss, data, KINDS)
    assert found.per_cost == 1 and set(found) == set(units)
    h = 1e-6
    for name, unit in units.items():
        for e in range(unit.size):
            means = []
            for sign in (1, -1):
                gated = built(toy)
                gated.load_state_dict(model.state_dict())
                for rows in unit.rows:
                    if rows.fold:
                        weight = gated.get_parameter(rows.parameter)
                        with torch.no_grad():
                            weight.index_copy_(
                                rows.dim, rows.index[e], weight.index_select(rows.dim, rows.index[e]) * (1 + sign * h)
                            )
                means.append(torch.stack([loss(gated, x).detach() for x in data]))
            slope = ((means[0] - means[1]) / (2 * h)).abs().mean()
            torch.testing.assert_close(found[name][e], slope, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("toy", TOYS)
@pytest.mark.parametrize("method", ["magnitude", "activation", "taylor"])
def test_every_method_prunes_every_toy_and_leaves_no_trace(toy: str, method: str) -> None:
    model = built(toy).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    data = batches(model)
    found = {
        "magnitude": lambda: magnitude(model, KINDS),
        "activation": lambda: activation(model, data, KINDS),
        "taylor": lambda: taylor(model, lambda m, x: m(x).square().mean(), data, KINDS),
    }[method]()
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    made = plan(model, Budget(params=0.6), found, round_to=1)
    small = slim(model, made)
    assert sum(p.numel() for p in small.parameters()) == made.after.params <= 0.6 * made.before.params


def test_an_element_that_does_nothing_goes_first() -> None:
    model = built("mlp")
    with torch.no_grad():
        model.layers[0].feed_forward.up.weight[3] = 0
        model.layers[0].feed_forward.up.bias[3] = -30.0
        model.layers[0].feed_forward.down.weight[:, 3] *= 5  # large, but never excited
    data = batches(model)
    name = "layers.0.feed_forward.units"
    assert activation(model, data)[name].argmin() == 3
    assert taylor(model, lambda m, x: m(x).square().mean(), data)[name].argmin() == 3
    assert magnitude(model)[name].argmin() != 3


def test_refuses_what_it_cannot_score() -> None:
    model = built("mlp")
    with pytest.raises(PlanError, match="no unit of kind head; this network has ffn, ffn_block"):
        magnitude(model, ["head"])
    with pytest.raises(PlanError, match="there is no batch"):
        activation(model, [])
    with pytest.raises(PlanError, match="there is no batch"):
        taylor(model, lambda m, x: m(x).mean(), [])
    with pytest.raises(PlanError, match="the loss of batch 0 is nan"):
        taylor(model, lambda m, x: m(x).mean() * float("nan"), batches(model))
    assert not any(module._forward_hooks for module in model.modules())


def test_taps_and_batches_of_audio() -> None:
    """Batches may be mappings, and what is not reached by the loss scores nothing."""

    class Named(Tapped):
        def forward(self, waveform: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
            assert lengths is None or lengths.tolist() == [10, 10]
            return super().forward(waveform)

    model = Named.of(9).double()
    x = batches(model, 1)[0]
    audio = activation(model, [{"waveform": x, "lengths": torch.tensor([10, 10])}], ["positional_tap"])
    alone = activation(model, [x], ["positional_tap"], forward=lambda m, batch: m(batch))
    assert torch.equal(audio["positional.kernel"], alone["positional.kernel"])
    nothing = taylor(model, lambda m, x: (x * m.positional.weight.sum()).mean(), [x], ["positional_tap"])
    assert nothing["positional.kernel"].tolist() == [0.0] * 4

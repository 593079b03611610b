"""Linear maps in factors: the same function, ranks as units, exact costs, and back again."""

import pytest
import torch
from torch import nn

from families import FAMILIES, randomize, speech
from sottovoce import Budget, Gates, SpeechEncoder, cost, plan
from sottovoce.encoder.layers.low_rank import LowRankLinear, factored_paths, pays
from sottovoce.encoder.units import collect
from sottovoce.errors import PlanError
from sottovoce.pruning.costs import CheapestForm, CostModel
from sottovoce.pruning.importance import magnitude
from sottovoce.pruning.low_rank import chosen_linears, factorize, factors, input_moments, multiplied_back
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim_and_verify

VARIED = ["wavlm_base", "wav2vec2_bert", "wav2vec2_conformer_relative"]
"""Each has other linear maps; those of the other families are among them."""

SOME = ["wavlm_base", "wav2vec2_bert", "wav2vec2_conformer_rotary"]


def dense(family):
    return SpeechEncoder.from_transformers(randomize(FAMILIES[family](), seed=3)).eval().double()


def states(model):
    wave, lengths = speech(8000, 5300)
    with torch.no_grad():
        return model(wave.double(), lengths).hidden_states


def far(a, b):
    return max((x - y).abs().max().item() for x, y in zip(states(a), states(b), strict=True))


@pytest.mark.parametrize("family", SOME)
def test_all_ranks_are_the_same_function_and_count_like_the_matrix(family):
    model = dense(family)
    factored = factorize(model)
    assert far(model, factored) < 1e-11
    assert factored.original_shape == model.shape
    numel = sum(p.numel() for p in factored.parameters())
    assert CostModel(factored).cost().params == numel > cost(model).params
    assert CheapestForm(factored).cost() == cost(model)
    back = multiplied_back(factored)
    assert back.shape == model.shape and far(model, back) < 1e-11


@pytest.mark.parametrize(
    "family", [each if each in VARIED else pytest.param(each, marks=pytest.mark.slow) for each in sorted(FAMILIES)]
)
def test_any_linear_map_of_any_family_can_be_factored_and_pruned(family):
    """Projection and relative positions too; only WavLM's gate of a head, which is no matrix to save on, is left out."""
    model = dense(family)
    paths = chosen_linears(model, ["*"])
    assert "frontend.projection.linear" in paths
    linears = {path for path, module in model.named_modules() if isinstance(module, nn.Linear)}
    assert {path.rpartition(".")[2] for path in linears - set(paths)} <= {"gate"}
    factored = factorize(model, ["*"])
    assert far(model, factored) < 1e-11
    assert multiplied_back(factored).shape == model.shape
    chosen = plan(factored, Budget(params=0.5), magnitude(factored, ["rank", "head"]), round_to=1)
    small, proof = slim_and_verify(factored, chosen)
    assert proof.worst < 1e-9
    assert chosen.after.params == sum(p.numel() for p in small.parameters()) <= 0.5 * chosen.reference.params
    assert "frontend.projection.linear" in factored_paths(small.shape)
    assert SpeechEncoder(small.config.from_dict(small.config.to_dict())).shape == small.shape


@pytest.mark.parametrize("family", SOME)
def test_budget_and_equality_with_ranks_heads_and_units_together(family):
    model = factorize(dense(family))
    kinds = ["rank", "head", "ffn"]
    scores = magnitude(model, kinds)
    chosen = plan(model, Budget(params=0.6), scores, round_to=1)
    values = {n: (0.2 + 0.8 * torch.rand(len(k))).tolist() for n, k in chosen.keep.items()}
    small, proof = slim_and_verify(model, chosen.with_values(values))
    assert proof.worst < 1e-9
    numel = sum(p.numel() for p in small.parameters())
    assert chosen.after.params == numel == cost(small).params
    assert 0.595 * chosen.reference.params < numel <= 0.6 * chosen.reference.params
    assert all(pays(m.in_features, m.out_features, m.ranks) for m in small.modules() if isinstance(m, LowRankLinear))
    again, proof = slim_and_verify(
        small, plan(small, Budget(params=0.5), magnitude(small, ["head", "ffn"]), round_to=1)
    )
    assert proof.worst < 1e-9


def test_matrices_above_break_even_are_multiplied_back_and_their_room_is_used():
    model = factorize(dense("wavlm_base"))
    units = {n: u.size for n, u in collect(model).units.items() if u.kind == "rank"}
    keep = {n: list(range(4 if "q" in n.split(".") else size - 1)) for n, size in units.items()}
    small, proof = slim_and_verify(model, Plan(keep, units))
    assert proof.worst < 1e-9
    assert set(factored_paths(small.shape)) == {n.removesuffix(".ranks") for n in units if "q" in n.split(".")}
    only_ranks = plan(model, Budget(params=0.75), magnitude(model, ["rank"]))
    assert only_ranks.after.params > 0.745 * only_ranks.reference.params


def test_truncation_is_the_best_of_its_rank():
    """Eckart and Young: no product of that rank is nearer; with moments, nearer on such inputs."""
    torch.manual_seed(0)
    weight = torch.randn(12, 20, dtype=torch.float64)
    inputs = torch.randn(500, 20, dtype=torch.float64) @ torch.randn(20, 20, dtype=torch.float64)
    up, down = factors(weight)
    assert torch.allclose(up @ down, weight)
    error = torch.linalg.matrix_norm(weight - up[:, :5] @ down[:5])
    assert torch.isclose(error, torch.linalg.svdvals(weight)[5:].square().sum().sqrt())
    own_up, own_down = factors(weight, inputs.T @ inputs / 500)
    assert torch.allclose(own_up @ own_down, weight)

    def seen(up, down):
        return (inputs @ (weight - up[:, :5] @ down[:5]).T).square().mean()

    assert seen(own_up, own_down) < seen(up, down)
    basis = torch.linalg.svd(inputs @ weight.T, full_matrices=False)  # the least that any map of rank 5 can err
    assert torch.isclose(seen(own_up, own_down), basis.S[5:].square().sum() / (500 * 12))


@pytest.mark.parametrize("shape", [(7, 5), (5, 7), (6, 6)])
def test_factors_are_those_of_the_singular_values(shape):
    """Of either side, and of a matrix that has fewer ranks than it could."""
    torch.manual_seed(0)
    m, n = shape
    weight = torch.randn(m, 3, dtype=torch.float64) @ torch.randn(3, n, dtype=torch.float64)
    up, down = factors(weight)
    assert up.shape == (m, min(shape)) and down.shape == (min(shape), n)
    assert torch.allclose(up @ down, weight, rtol=0, atol=1e-13)
    values = torch.linalg.svdvals(weight)
    assert torch.allclose(up.norm(dim=0) * down.norm(dim=1), values, atol=1e-7)
    assert torch.allclose(up[:, :3] @ down[:3], weight, rtol=0, atol=1e-13)
    assert torch.allclose(up.norm(dim=0)[:3], down.norm(dim=1)[:3])  # neither side has all of the scale
    assert all(torch.isfinite(each).all() for each in (*factors(torch.zeros(m, n)), up, down))


def test_moments_are_of_the_inputs():
    model = dense("wavlm_base")
    wave, lengths = speech(8000, 5300)
    path = "layers.0.feed_forward.up"
    inputs = []
    handle = model.get_submodule(path).register_forward_pre_hook(lambda _, x: inputs.append(x[0].flatten(0, 1)))
    found = input_moments(model, [(wave.double(), lengths)], lambda m, b: m(*b), [path])
    handle.remove()
    x = torch.cat(inputs)
    assert list(found) == [path] and torch.allclose(found[path], x.T @ x / len(x))


def test_gates_act_on_ranks_and_learn():
    model = factorize(dense("wav2vec2_bert")).float().train()
    gates = Gates(model, ["rank"], start=0.5)
    gates.sample(1)
    wave, lengths = speech(8000, 5300)
    model(wave, lengths).hidden_states[-1].square().mean().backward()
    assert all(part.abs().sum() > 0 for part in gates.log_alpha.grad.split(gates.sizes))
    widths = gates.widths()
    widths.sum().backward()
    gates.detach()


def test_saved_and_loaded_where_the_package_is_not_needed(tmp_path):
    model = factorize(dense("wavlm_base").float(), ["layers.*.feed_forward.*"], ranks=0.5)
    model.save_pretrained(tmp_path, portable=True)
    loaded = SpeechEncoder.from_pretrained(tmp_path)
    assert loaded.shape == model.shape and (tmp_path / "low_rank.py").exists()
    assert far(model.double(), loaded.double()) == 0


def test_what_stays_trainable_and_where_it_is():
    model = dense("wavlm_base")
    model.layers[0].requires_grad_(False)
    factored = factorize(model, ["layers.1.*"])
    assert not factored.layers[0].attention.q.weight.requires_grad
    assert factored.layers[1].attention.q.up.weight.requires_grad


def test_factors_are_trained_if_the_map_was():
    """Whatever the first parameter of the network is."""
    model = dense("wavlm_base")
    model.frontend.requires_grad_(False)
    factored = factorize(model, ["layers.0.feed_forward.*", "frontend.projection.linear"])
    up, projection = factored.layers[0].feed_forward.up, factored.frontend.projection.linear
    assert all(p.requires_grad for p in up.parameters()) and not any(p.requires_grad for p in projection.parameters())
    back = multiplied_back(factored)
    assert (
        back.layers[0].feed_forward.up.weight.requires_grad and not back.frontend.projection.linear.weight.requires_grad
    )
    units = {n: u.size for n, u in collect(factored).units.items() if u.kind == "rank"}
    small, _ = slim_and_verify(factored, Plan({n: list(range(size)) for n, size in units.items()}, units))
    assert (
        small.layers[0].feed_forward.up.weight.requires_grad
        and not small.frontend.projection.linear.weight.requires_grad
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_maps_that_nothing_is_left_of_are_left_alone(weighted):
    model = dense("wavlm_base")
    units = {n: u.size for n, u in collect(model).units.items() if u.kind in ("head", "ffn")}
    small, _ = slim_and_verify(model, Plan({n: [] if ".0." in n else [0, 1] for n in units}, units))
    wave, lengths = speech(8000, 5300)
    moments = input_moments(small, [(wave.double(), lengths)], lambda m, b: m(*b)) if weighted else None
    factored = factorize(small, ranks=0.5, moments=moments)
    assert factored_paths(factored.shape) and not any(".0." in path for path in factored_paths(factored.shape))


@pytest.mark.parametrize(
    "linears, ranks, message",
    [
        (["layers.*.feed_forwards.up"], None, "'layers.*.feed_forwards.up' matches no linear map"),
        (["layers.*"], 1.5, "1.5 is not a fraction of the ranks"),
        (["positional.*"], None, "matches no linear map"),
    ],
)
def test_faults_are_named(linears, ranks, message):
    with pytest.raises(PlanError) as caught:
        factorize(dense("wavlm_base"), linears, ranks=ranks)
    assert message in str(caught.value)


def test_nothing_is_factored_twice():
    model = factorize(dense("wavlm_base"), ["layers.0.feed_forward.up"])
    assert not any(path.startswith("layers.0.feed_forward.up") for path in chosen_linears(model, ["layers.*"]))
    assert isinstance(model.layers[0].feed_forward.up, LowRankLinear)
    assert isinstance(model.layers[0].feed_forward.down, nn.Linear)

"""AASIST, also on the waveform, and SLS: padding, length, cost, slimming, saved, portable; parts of AASIST by loops."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from sottovoce.encoder.frontend.without_layers import waveform_config
from sottovoce.encoder.units import collect
from sottovoce.errors import AudioError, CheckpointError
from sottovoce.heads.spoofing.graph_attention import PAIRS, GraphAttention, GraphPool, PairScores, StackAttention
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.costs import CostModel
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim_and_verify
from tiny_models import output_elsewhere, randomized, speech, tiny_config

EMBEDDINGS = {
    "aasist": {"kind": "aasist", "bands": 13, "channels": [3, 4, 4], "width": 5},
    "aasist-adapters": {"kind": "aasist", "bands": 9, "channels": [3, 4], "fusion": {"kind": "adapters", "width": 3}},
    "aasist-drawn": {"kind": "aasist", "bands": 13, "channels": [3, 4, 4], "residual": "drawn", "fusion": "last"},
    "sinc_aasist": {"kind": "sinc_aasist", "filters": 7, "taps": 9, "channels": [3, 4, 4], "width": 5},
    "sinc_aasist-drawn": {"kind": "sinc_aasist", "filters": 7, "taps": 9, "channels": [3, 4], "residual": "drawn"},
    "sls": {"kind": "sls", "width": 10, "size": 6},
}
KINDS = pytest.mark.parametrize("kind", EMBEDDINGS)
GRAPHS = pytest.mark.parametrize("kind", [kind for kind in EMBEDDINGS if "aasist" in kind])
ON_STATES = pytest.mark.parametrize("kind", [kind for kind in EMBEDDINGS if "sinc" not in kind])


def model(kind, **options):
    torch.manual_seed(0)
    head = {"kind": "classifier", "classes": 2, "embedding": {**EMBEDDINGS[kind], **options}}
    encoder = waveform_config() if kind.startswith("sinc") else tiny_config()
    found = TaskModel(TaskConfig(encoder=encoder, head=head, scoring="llr", task="spoofing"))
    return with_statistics(randomized(found)).eval()


def with_statistics(module, seed=1):
    """Running statistics of batch norms random too."""
    generator = torch.Generator().manual_seed(seed)
    for norm in module.modules():
        if isinstance(norm, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            norm.running_mean.copy_(torch.randn(norm.running_mean.shape, generator=generator) / 4)
            norm.running_var.copy_(torch.rand(norm.running_var.shape, generator=generator) + 0.5)
    return module


@KINDS
@pytest.mark.parametrize("samples", [400, 720, 1500, 5000, 7700])
def test_padding_changes_nothing(kind, samples):
    found, waves = model(kind).double(), speech(2, 8000).double()
    together = found(waves, torch.tensor([8000, samples])).output
    assert (together[1:] - found(waves[1:, :samples]).output).abs().max() < 1e-9
    spoiled = waves.clone()
    spoiled[1, samples:] = 3.0
    assert (together - found(spoiled, torch.tensor([8000, samples])).output).abs().max() < 1e-9
    assert (together[0] - together[1]).abs().max() > 1e-3  # it does listen


def test_padding_is_no_largest_value():
    """Where everything that is heard is below zero, the zeros of padding are the largest values there are."""
    found, waves = model("sls").double(), speech(2, 8000).double()
    with torch.no_grad():
        found.head.embedding.norm.bias.fill_(-20.0)
        together = found(waves, torch.tensor([8000, 5000])).output
        assert (together[1:] - found(waves[1:, :5000]).output).abs().max() < 1e-9


@KINDS
def test_costs_are_those_counted(kind):
    found = model(kind)
    states = found(speech(1, 16_000)).hidden_states
    with FlopCounterMode(display=False) as counter:
        found.head(states)
    cost = CostModel(found, 1.0).cost()
    assert cost.parts["head"].macs == pytest.approx(counter.get_total_flops() / 2, rel=1e-3)
    assert cost.parts["head"].params == sum(p.numel() for p in found.head.parameters())


@GRAPHS
def test_channels_inside_residual_blocks_are_units(kind):
    found = model(kind)
    units = {name: unit for name, unit in collect(found).units.items() if unit.kind == "map"}
    assert list(units) == [f"head.embedding.map.inner.{i}" for i in range(len(EMBEDDINGS[kind]["channels"]))]
    keep = {name: [unit.size - 1] if i else [0, 2] for i, (name, unit) in enumerate(units.items())}
    small, equality = slim_and_verify(
        found, Plan(keep, {name: unit.size for name, unit in collect(found).units.items()})
    )
    assert equality.worst < 1e-9
    sizes = {name: len(kept) for name, kept in keep.items()}
    assert small.head.shape == {"embedding": {"map": {"inner": [*sizes.values()]}}}
    predicted, counted = CostModel(found, 1.0).cost(sizes), CostModel(small, 1.0).cost()
    assert predicted.params == counted.params == sum(p.numel() for p in small.parameters())
    assert predicted.macs == pytest.approx(counted.macs) and counted.macs < CostModel(found, 1.0).cost().macs


@ON_STATES
def test_the_head_follows_a_narrower_stream(kind):
    found = model(kind)
    assert all(unit.kind == "map" or name.startswith("encoder.") for name, unit in collect(found).units.items())
    small, equality = slim_and_verify(found, Plan.to_shape(found, {"encoder.residual": 10, "ffn": [5, 0]}))
    assert equality.worst < 1e-9
    if kind != "aasist-adapters":
        assert small.head.embedding.project.in_features == 10
    predicted = CostModel(found, 1.0).cost({"encoder.residual": 10}).parts["head"]
    assert predicted.params == sum(p.numel() for p in small.head.parameters())


@KINDS
def test_saved_and_loaded_it_is_the_same(kind, tmp_path):
    found = model(kind)
    found.save_pretrained(tmp_path)
    again = TaskModel.from_pretrained(str(tmp_path)).eval()
    assert torch.equal(found(speech()).output, again(speech()).output)


@pytest.mark.slow
def test_portable_it_loads_where_this_package_is_not_installed(tmp_path):
    found = model("aasist")  # the files of all heads are shipped
    assert torch.equal(found(speech()).output, output_elsewhere(found, speech(), tmp_path))


@KINDS
def test_it_learns_from_every_parameter(kind):
    found = model(kind).train()
    out = found(speech(4), torch.tensor([8000, 5000, 8000, 7000])).output
    out.square().sum().backward()
    learned = [(n, p) for n, p in found.head.named_parameters() if p.requires_grad]
    assert {n.split(".")[-2] for n, p in found.head.named_parameters() if not p.requires_grad} <= {"norm"}
    idle = [n for n, p in learned if p.grad is None or not p.grad.abs().sum() > 0]
    # A bias before a softmax, or before a norm that takes it away, does nothing.
    assert {n.split(".")[-1] for n in idle} <= {"bias"}, idle


def test_what_the_head_on_the_waveform_refuses():
    found = model("sinc_aasist")
    minimum = 3**4 + 8
    assert found.head.embedding.min_samples == minimum and found(torch.randn(1, minimum)).output.isfinite().all()
    with pytest.raises(
        AudioError, match=f"an utterance of {minimum - 1} samples; this network needs at least {minimum}"
    ):
        found(torch.randn(2, 200), torch.tensor([200, minimum - 1]))
    for changes, message in (
        ({"taps": 8}, "the number of filter taps must be odd, not 8; take 9"),
        ({"masked": 8}, "8 of 7 filters cannot be masked"),
        ({"ratios": [0.5]}, "1 ratios; there are three poolings"),
    ):
        with pytest.raises(CheckpointError, match=message):
            model("sinc_aasist", **changes)
    head = {"kind": "classifier", "embedding": {"kind": "sinc_aasist"}}
    with pytest.raises(
        CheckpointError, match="reads the waveform, and the encoder gives 3 hidden states of 16 channels"
    ):
        TaskModel(TaskConfig(encoder=tiny_config(), head=head, scoring="llr", task="spoofing"))


def test_training_silences_neighboring_filters():
    found = model("sinc_aasist", masked=6).head.embedding
    found.eval()
    assert all(found._filters().abs().sum(1).gt(0).all() for _ in range(50))
    found.train()
    torch.manual_seed(0)
    silenced = [found._filters().abs().sum(1) == 0 for _ in range(200)]
    assert {int(each.sum()) for each in silenced} == set(range(6))  # one less than the number: as theirs
    for each in silenced:
        places = each.nonzero().flatten()
        assert not len(places) or places[-1] - places[0] + 1 == len(places)
    assert torch.stack(silenced).any(0).all()


def test_pair_scores_by_loops():
    torch.manual_seed(0)
    scores = randomized(PairScores(5, 4, temperature=3.0, kinds=2)).double()
    x, y = torch.randn(2, 3, 5).double(), torch.randn(2, 6, 5).double()
    found = scores(x, y)
    for b, k, i, j in [(0, 0, 0, 0), (1, 1, 2, 5), (0, 1, 1, 3), (1, 0, 2, 0)]:
        inner = [
            sum(scores.weight[o, d] * x[b, i, d] * y[b, j, d] for d in range(5)) + scores.bias[o] for o in range(4)
        ]
        expected = sum(scores.score[k, o] * torch.tanh(inner[o]) for o in range(4)) / 3.0
        assert found[b, k, i, j].item() == pytest.approx(expected.item(), abs=1e-12)


def test_pair_scores_in_blocks_are_the_same(monkeypatch):
    scores, x = randomized(PairScores(5, 4, temperature=3.0, kinds=2)), torch.randn(2, 30, 5)
    whole = scores(x, x)
    monkeypatch.setattr("sottovoce.heads.spoofing.graph_attention.PAIRS", 2 * 30 * 4 * 7)  # seven rows at a time
    with torch.no_grad():
        assert torch.allclose(scores(x, x), whole, atol=1e-6)
    assert PAIRS > 2 * 30 * 4 * 7


def norm_by_hand(norm, x):
    return norm.weight * (x - norm.running_mean) / (norm.running_var + norm.eps).sqrt() + norm.bias


def selu(x):
    return 1.0507009873554805 * torch.where(x > 0, x, 1.6732632423543772 * (x.exp() - 1))


def update_by_hand(layer, i, x, score):
    """Node ``i`` after attention over ``x`` ``[N, D]`` with ``score(i, j)``."""
    raw = torch.stack([score(i, j) for j in range(len(x))])
    weights = raw.exp() / raw.exp().sum()
    mixture = sum(w * node for w, node in zip(weights, x, strict=True))
    y = layer.others.weight @ mixture + layer.others.bias + layer.own.weight @ x[i] + layer.own.bias
    return selu(norm_by_hand(layer.norm, y))


def pair_by_hand(pairs, kind, a, b):
    return pairs.score[kind] @ torch.tanh(pairs.weight @ (a * b) + pairs.bias) / pairs.temperature


def test_graph_attention_by_loops():
    layer = with_statistics(randomized(GraphAttention(5, 4, temperature=2.0, nodes=lambda t: 6))).double().eval()
    x = torch.randn(1, 6, 5).double()
    found = layer(x)[0]
    for i in range(6):
        expected = update_by_hand(layer, i, x[0], lambda i, j: pair_by_hand(layer.pairs, 0, x[0, i], x[0, j]))
        assert (found[i] - expected).abs().max() < 1e-12


def test_stack_attention_by_loops():
    torch.manual_seed(1)
    layer = StackAttention(5, 4, temperature=2.0, first=lambda t: 3, second=lambda t: 2)
    layer = with_statistics(randomized(layer)).double().eval()
    first, second, stack = torch.randn(1, 3, 5).double(), torch.randn(1, 2, 5).double(), torch.randn(1, 1, 5).double()
    a, b, s = layer(first, second, stack)
    x = [layer.enter[0].weight @ n + layer.enter[0].bias for n in first[0]]
    x += [layer.enter[1].weight @ n + layer.enter[1].bias for n in second[0]]
    x = torch.stack(x)

    def score(i, j):
        kind = {(True, True): 0, (False, False): 1}.get((i < 3, j < 3), 2)
        return pair_by_hand(layer.graph.pairs, kind, x[i], x[j])

    expected = torch.stack([update_by_hand(layer.graph, i, x, score) for i in range(5)])
    assert (torch.cat([a, b], 1)[0] - expected).abs().max() < 1e-12
    raw = torch.stack([pair_by_hand(layer.stack, 0, stack[0, 0], n) for n in x])
    gathered = (raw.exp() / raw.exp().sum()) @ x
    expected = layer.stack_others.weight @ gathered + layer.stack_others.bias
    expected = expected + layer.stack_own.weight @ stack[0, 0] + layer.stack_own.bias
    assert (s[0, 0] - expected).abs().max() < 1e-12


def test_graph_pool_ranks_nodes_whose_scores_are_all_1_by_what_made_them():
    """Otherwise those that stay are drawn by the number of nodes, so that an utterance differs in a padded batch."""
    pool = randomized(GraphPool(4, nodes=lambda t: 20)).eval()
    x = 1e4 * torch.randn(1, 20, 4)
    raw = pool.score(x)[0, :, 0]
    assert (raw.sigmoid() == 1).sum() > 5
    alone, _ = pool(x)
    assert torch.equal(
        alone[0], x[0, raw.argsort(descending=True)[:10]] * raw.sort(descending=True).values[:10, None].sigmoid()
    )
    padded, inside = pool(torch.cat([x, x.flip(1)], 1), torch.arange(40)[None] < 20)
    assert torch.allclose(padded[inside], alone[0])


@pytest.mark.parametrize("count", [1, 2, 5, 8])
@pytest.mark.parametrize("ratio", [0.5, 0.7])
def test_graph_pool_keeps_the_better_ones(count, ratio):
    pool = randomized(GraphPool(4, nodes=lambda t: count, ratio=ratio)).eval()
    x = torch.randn(2, 8, 4)
    mask = torch.arange(8)[None] < torch.tensor([[8], [count]])
    kept, inside = pool(x, mask)
    scores = torch.sigmoid(x[1, :count] @ pool.score.weight[0] + pool.score.bias)
    best = sorted(range(count), key=lambda i: -scores[i])[: max(1, int(count * ratio))]
    assert inside[1].sum() == len(best) and inside[0].all()
    assert torch.allclose(kept[1][inside[1]], torch.stack([x[1, i] * scores[i] for i in best]))

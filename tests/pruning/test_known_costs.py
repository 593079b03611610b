"""Costs of real-size networks: known answers, and torch's counter. On the meta device: no weights, no time."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from families import FAMILIES
from sottovoce.checkpoints import FAMILIES as KNOWN
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.costs import CostModel, cost, reference_cost
from sottovoce.pruning.importance import magnitude
from sottovoce.pruning.planning.plans import Plan, plan
from sottovoce.pruning.planning.scores import Scores

# The published shapes at 80 % (methods of 2505.24111).
BASE = {
    "conv": [90, 161, 173, 181, 351, 155, 137],
    "head": [2, 3, 3, 5, 2, 1, 4, 4, 0, 0, 2, 1],
    "ffn": [666, 660, 649, 1080, 237, 299, 437, 573, 53, 80, 211, 334],
}
LARGE = {
    "conv": [512, 153, 224, 255, 302, 368, 211],
    "head": [5, 3, 6, 6, 5, 5, 3, 5, 4, 0, 2, 4, 0, 3, 2, 1, 0, 0, 1, 2, 6, 9, 10, 8],
    "ffn": [1092, 925, 759, 646, 745, 615, 684, 958, 286, 294, 406, 377]
    + [463, 542, 298, 236, 96, 104, 134, 211, 473, 1011, 1770, 1316],
}


def build(family: str, **overrides: int) -> tuple[SpeechEncoder, nn.Module]:
    """An encoder of real size and the stock one, without weights."""
    with torch.device("meta"):
        stock = FAMILIES[family]("real", **overrides)
        known = next(k for k in KNOWN.values() if k.model_type == stock.config.model_type)
        config = known.encoder_config(stock.config, family, normalize=False)
        return SpeechEncoder(config).eval(), stock


def counted_macs(encoder: SpeechEncoder, seconds: float) -> float:
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        encoder(torch.empty(1, round(16000 * seconds), device="meta"))
    return counter.get_total_flops() / 2


def published_macs(conv: list[int], head: list[int], ffn: list[int], *, width: int) -> int:
    """As the papers count: a frame more in the positional convolution, and no bias gates."""
    samples, inputs, total = 16000, 1, 0
    for channels, kernel, stride in zip(conv, (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2), strict=True):
        samples = (samples - kernel) // stride + 1
        total += samples * kernel * inputs * channels
        inputs = channels
    frames = samples
    total += frames * inputs * width + (frames + 1) * 128 * width * width // 16
    for heads, units in zip(head, ffn, strict=True):
        total += 4 * frames * heads * 64 * width + 2 * frames**2 * heads * 64 + 2 * frames * width * units
    return total


@pytest.mark.parametrize(
    ("family", "dense", "shape", "slim"),
    [
        ("wavlm_base", (94.38e6, 6.911e9), BASE, (18.88e6, 1.134e9)),
        ("wavlm_large", (315.45e6, 17.811e9), LARGE, (63.10e6, 3.68e9)),
    ],
)
def test_published(family: str, dense: tuple, shape: dict, slim: tuple) -> None:
    encoder, stock = build(family)
    width = encoder.config.hidden_size
    made = Plan.to_shape(encoder, shape)
    assert made.before is not None and made.after is not None
    # Weight norm keeps the length of each of the 128 taps, and stock classes a mask embedding.
    assert made.before.params == sum(p.numel() for p in stock.parameters()) - 128 - width
    units = CostModel(encoder).declarations.units
    whole = {kind: [u.size for u in units.values() if u.kind == kind] for kind in shape}
    for counted, known, widths in ((made.before, dense, whole), (made.after, slim, shape)):
        assert counted.params == pytest.approx(known[0], rel=5e-4)
        formula = published_macs(**widths, width=width)
        assert formula == pytest.approx(known[1], rel=5e-4)
        # Not in the papers' figures: the gate of WavLM's relative bias, and how Base takes the statistics of its norm.
        gates = 49 * 64 * 8 * sum(widths["head"])
        norm = 3199 * 10**2 + 10**2 + 11 * 10 * widths["conv"][0] if family == "wavlm_base" else 0
        assert counted.macs == formula + gates + norm - 128 * width * width // 16
        assert counted.macs == pytest.approx(known[1], rel=5e-3)
    assert dense[1] == pytest.approx(made.before.macs, rel=1e-3)
    assert list(made.after.parts) == ["frontend", "positional", "layers", "other"]


LAYERS = {"wavlm_base": 12}  # the others differ by the number of layers only, which 2 show as well


@pytest.mark.parametrize(
    "family",
    [
        "wav2vec2_base",
        "wavlm_base",
        "wavlm_large",
        "data2vec_audio",
        "wav2vec2_bert",
        "wav2vec2_conformer_relative",
        "wav2vec2_conformer_rotary",
    ],
)
def test_equals_numel_and_the_counter(family: str) -> None:
    encoder, _ = build(family, num_hidden_layers=LAYERS.get(family, 2))
    for seconds in (1.0, 8.3):
        counted = cost(encoder, seconds)
        assert counted.params == sum(p.numel() for p in encoder.parameters())
        assert counted.macs == pytest.approx(counted_macs(encoder, seconds), rel=1e-3)


def test_a_slim_encoder_remembers_the_dense_one() -> None:
    encoder, _ = build("wavlm_base")
    shape = {**encoder.shape, "layers": [*encoder.shape["layers"]]}
    shape["layers"][3] = {"attention": None, "feed_forward": {"units": 64}}
    with torch.device("meta"):
        small = encoder.shrunk(shape)
    assert reference_cost(small, 8.0) == cost(encoder, 8.0)
    assert reference_cost(small, 8.0, "current") == cost(small, 8.0)
    assert cost(small).params < cost(encoder).params


@pytest.fixture(scope="module")
def scored() -> tuple[SpeechEncoder, Scores]:
    """Three layers of Base with weights, and their magnitudes."""
    torch.manual_seed(0)
    encoder = SpeechEncoder(build("wavlm_base", num_hidden_layers=3)[0].config)
    return encoder, magnitude(encoder, ("conv", "head", "ffn", "positional_group"))


@pytest.mark.parametrize("budget", [Budget(params=0.2), Budget(macs=0.2, seconds=8), Budget(params=0.2, macs=0.15)])
def test_budgets_are_met_on_a_real_size(budget: Budget, scored: tuple[SpeechEncoder, Scores]) -> None:
    made = plan(scored[0], budget, scored[1])
    assert made.after is not None and made.reference is not None
    kept = [
        (made.after.params / made.reference.params, budget.params),
        (made.after.macs / made.reference.macs, budget.macs),
    ]
    slack = [1 - share / limit for share, limit in kept if limit is not None]
    assert 0 <= min(slack) < 0.005 and all(s >= 0 for s in slack)
    for name, kept_elements in made.keep.items():
        size, multiple = made.sizes[name], {"units": 16, "heads": 1, "groups": 1}.get(name.rpartition(".")[2], 8)
        assert len(kept_elements) in (*range(0, size, multiple), size)
        assert len(kept_elements) > 0

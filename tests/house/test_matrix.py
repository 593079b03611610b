"""Every family crossed with every kind of unit: what must hold for a new family or unit is a row here."""

from __future__ import annotations

import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from families import FAMILIES, randomize, speech
from random_plans import EVERYTHING, random_plan, units_of
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.units import collect
from sottovoce.pruning.costs import CostModel, cost
from sottovoce.pruning.gating.gates import Gates
from sottovoce.pruning.slimming import compare, slim_and_verify

KINDS = (
    "conv",
    "head",
    "ffn",
    "convolution",
    "attention_block",
    "ffn_block",
    "convolution_block",
    "positional_group",
    "positional_tap",
    "residual",
)


@cache
def encoder(family: str) -> SpeechEncoder:
    """Of the tiny stock class, every parameter random."""
    stock = randomize(FAMILIES[family](), seed=3)
    return SpeechEncoder.from_transformers(stock).eval()


CASES = [(f, k) for f in FAMILIES for k in (*KINDS, EVERYTHING)]


def cases() -> list:
    return [pytest.param(f, k, id=f"{f}-{k}") for f, k in CASES]


def skip_if_absent(family: str, kind: str) -> None:
    if not units_of(encoder(family), kind):
        pytest.skip(f"{family} has no unit of kind {kind}")


@pytest.mark.parametrize(("family", "kind"), cases())
def test_slim_equals_frozen_and_again(family: str, kind: str) -> None:
    skip_if_absent(family, kind)
    big = encoder(family)
    plan = random_plan(big, kind, seed=1)
    small, equality = slim_and_verify(big, plan)
    assert equality.worst <= 1e-9
    wave, lengths = speech(8000, 5300)
    float32 = compare(big, small, plan, {"waveform": wave, "lengths": lengths})
    assert float32.worst <= 1e-5
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in big.parameters())

    again, equality = slim_and_verify(small, random_plan(small, kind, seed=2))
    assert equality.worst <= 1e-9
    assert again.original_shape == big.shape


@pytest.mark.parametrize(("family", "kind"), cases())
def test_cost_is_what_is_counted(family: str, kind: str) -> None:
    """Predicted before slimming == counted after: parameters exactly, MACs as torch's counter sees them."""
    skip_if_absent(family, kind)
    big = encoder(family)
    plan = random_plan(big, kind, seed=1)
    small, _ = slim_and_verify(big, plan)
    predicted = CostModel(big, 0.5).cost({n: len(k) for n, k in plan.keep.items()})
    own = cost(small, 0.5)
    assert predicted.params == own.params == sum(p.numel() for p in small.parameters())
    assert own.macs == pytest.approx(predicted.macs)
    # With gradients: at inference on a CPU a long positional convolution takes fewer products than it is said to have.
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        small(torch.randn(1, 8000))
    assert own.macs == pytest.approx(counter.get_total_flops() / 2, rel=1e-3)


@pytest.mark.parametrize(("family", "kind"), cases())
def test_gradients_reach_gates(family: str, kind: str) -> None:
    skip_if_absent(family, kind)
    model = SpeechEncoder(encoder(family).config).train()
    model.load_state_dict(encoder(family).state_dict())
    before = {name: p.clone() for name, p in model.state_dict().items()}
    gates = Gates(model, KINDS if kind == EVERYTHING else [kind], start=0.5)
    reached = torch.zeros_like(gates.log_alpha)
    for seed in range(12):  # a gate drawn at exactly 0 or 1 has no gradient in that step: whole blocks have but one
        if all(part.sum() > 0 for part in reached.split(gates.sizes)):
            break
        gates.sample(seed)
        out = model(*speech(8000, 5300))
        loss = sum(h.square().mean() + h.abs().mean() for h in (*out.hidden_states, out.last_hidden_state))
        (grad,) = torch.autograd.grad(loss, gates.log_alpha)
        assert torch.isfinite(grad).all()
        reached += grad.abs()
    for name, part in zip(gates.names, reached.split(gates.sizes), strict=True):
        assert part.sum() > 0, f"no gradient reaches {name}"
    gates.detach()
    assert all(
        torch.equal(before[n], p)
        for n, p in model.state_dict().items()
        if not n.endswith("tracked") and "running" not in n
    )
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize(("family", "kind"), cases())
def test_save_and_load(family: str, kind: str, tmp_path: Path) -> None:
    skip_if_absent(family, kind)
    small, _ = slim_and_verify(encoder(family), random_plan(encoder(family), kind, seed=5))
    small.save_pretrained(tmp_path)
    loaded = SpeechEncoder.from_pretrained(tmp_path)
    wave, lengths = speech(8000, 5300)
    with torch.no_grad():
        for a, b in zip(small(wave, lengths).hidden_states, loaded(wave, lengths).hidden_states, strict=True):
            assert torch.equal(a, b)
    assert loaded.shape == small.shape and loaded.original_shape == small.original_shape


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_changes_nothing(family: str) -> None:
    """Also of a slim model, whatever stands in the padding, and at inference as with gradients."""
    small, _ = slim_and_verify(encoder(family), random_plan(encoder(family), EVERYTHING, seed=8))
    for model in (encoder(family), small):
        wave, lengths = speech(9000, 16000, 5300)
        together = model(wave, lengths)
        with torch.no_grad():
            at_inference = model(wave, lengths)
        for i, samples in enumerate(lengths.tolist()):
            with torch.no_grad():
                alone = model(wave[i : i + 1, :samples])
            frames = alone.lengths.item()
            assert together.lengths[i] == frames
            for batch, quick, one in zip(
                together.hidden_states, at_inference.hidden_states, alone.hidden_states, strict=True
            ):
                scale = one.abs().max().clamp(min=1)
                assert (batch[i, :frames] - one[0]).abs().max() <= 1e-4 * scale
                assert (quick[i, :frames] - one[0]).abs().max() <= 1e-4 * scale


@pytest.mark.slow
def test_portable_models_load_without_this_package(tmp_path: Path) -> None:
    """In one process that cannot import sottovoce: a slim model of every family, with the same output."""
    wave, lengths = speech(8000, 5300)
    for family in FAMILIES:
        small, _ = slim_and_verify(encoder(family), random_plan(encoder(family), EVERYTHING, seed=8))
        small.save_pretrained(tmp_path / family, portable=True)
        with torch.no_grad():
            torch.save((wave, lengths, small(wave, lengths).last_hidden_state), tmp_path / family / "expected.bin")
    script = """
import importlib.util, sys, torch
sys.modules["sottovoce"] = None
from transformers import AutoFeatureExtractor, AutoModel
for place in sys.argv[1:]:
    model = AutoModel.from_pretrained(place, trust_remote_code=True).eval()
    wave, lengths, expected = torch.load(place + "/expected.bin")
    with torch.no_grad():
        assert torch.allclose(model(wave, lengths).last_hidden_state, expected, atol=1e-6), place
    fed = AutoFeatureExtractor.from_pretrained(place)([w[:n].numpy() for w, n in zip(wave, lengths)],
        sampling_rate=16000, padding=True, return_tensors="pt")
    with torch.no_grad():
        got = model(**fed).last_hidden_state
    assert torch.allclose(got[0], expected[0], atol=1e-5), place
print("loaded", len(sys.argv) - 1)
"""
    places = [str(tmp_path / family) for family in FAMILIES]
    result = subprocess.run(
        [sys.executable, "-c", script, *places],
        capture_output=True,
        text=True,
        env={
            "HF_HOME": str(tmp_path / "cache"),
            "HF_HUB_OFFLINE": "1",
            "PATH": "/usr/bin:/bin",
            "OMP_NUM_THREADS": "1",
        },
        cwd=tmp_path,
    )
    assert f"loaded {len(places)}" in result.stdout, result.stderr[-2000:]


def test_every_kind_is_tested() -> None:
    """The lists above are all there is: a unit of a new kind must be added to them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {u.kind for family in FAMILIES for u in collect(encoder(family)).units.values()}
    assert found == set(KINDS)

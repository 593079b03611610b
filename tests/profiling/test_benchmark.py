"""Benchmarks of saved models: ours, and a stock checkpoint as its stock class."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import WavLMModel

from families import FAMILIES, randomize
from sottovoce import SpeechEncoder
from sottovoce.errors import CheckpointError, SottovoceError
from sottovoce.models.loading import load
from sottovoce.profiling.benchmark import bench
from sottovoce.profiling.benchmark_settings import BenchmarkSettings
from sottovoce.profiling.profiled_model import counted_macs, noise_waveform, profile_network, profile_stock
from sottovoce.profiling.stock_models import load_stock
from sottovoce.pruning.costs import cost

QUICK = BenchmarkSettings(seconds=1.0, batch=2, threads=1, repeats=3)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A stock checkpoint, and the same weights as ours."""
    place = tmp_path_factory.mktemp("models")
    randomize(FAMILIES["wavlm_base"]()).save_pretrained(place / "stock")
    SpeechEncoder.from_pretrained(place / "stock").save_pretrained(place / "ours")
    return place


def test_ours_against_the_stock_class(folders):
    result = bench(folders / "ours", folders / "stock", QUICK)
    slim, dense = result.results
    assert "WavLMModel" in dense.name and "WavLMModel" not in slim.name
    assert slim.macs == pytest.approx(dense.macs, rel=0.1)  # tiny: gates of the bias and statistics of norms count
    assert slim.file_bytes == (folders / "ours" / "model.safetensors").stat().st_size
    assert dense.file_bytes == (folders / "stock" / "model.safetensors").stat().st_size
    for each in result.results:
        assert len(each.times) == QUICK.repeats
        assert each.milliseconds.low <= each.milliseconds.median <= each.milliseconds.high
        assert each.real_time_factor == pytest.approx(each.milliseconds.median / 1e3 / 2.0)
    pairs = [b / a for a, b in zip(slim.times, dense.times, strict=True)]
    assert slim.speedup.low == min(pairs) and slim.speedup.high == max(pairs)
    assert result.environment["threads"] == "1"
    assert torch.__version__ in result.environment["torch"]


def test_a_model_of_ours_as_the_other_runs_as_ours(folders):
    assert len({r.macs for r in bench(folders / "ours", folders / "ours", QUICK).results}) == 1


def test_stock_macs_are_counted_with_attention():
    # Fused attention counts as nothing on a CPU; torch's own counter must see it all the same.
    model = FAMILIES["wav2vec2_base"]()
    counted = counted_macs(model, noise_waveform(1.0, 1))
    layers, frames, width = 3, 49, 32
    assert counted - counted_macs_without_attention(model) == pytest.approx(layers * 2 * frames * frames * width)


def counted_macs_without_attention(model):
    total = 0
    hooks = []

    def count(module, inputs, output):
        nonlocal total
        frames = output.shape[1] if isinstance(module, torch.nn.Linear) else output.shape[-1]
        total += module.weight.numel() * frames

    for module in model.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv1d):
            hooks.append(module.register_forward_hook(count))
    with torch.no_grad():
        model(noise_waveform(1.0, 1))
    for hook in hooks:
        hook.remove()
    return total


@pytest.mark.parametrize("family", ["wav2vec2_bert", "data2vec_audio"])
def test_every_family_can_be_measured_both_ways(family):
    model = FAMILIES[family]()
    other = profile_stock(model, QUICK, name="stock")
    assert other().last_hidden_state.shape[0] == 2
    assert ("filterbank not included" in other.note) == (family == "wav2vec2_bert")


def test_half_precision_runs(folders):
    subject = profile_network(load(folders / "ours"), replace(QUICK, dtype="bfloat16"), name="ours")
    assert subject().last_hidden_state.dtype == torch.bfloat16
    assert subject.macs == 2 * cost(load(folders / "ours"), 1.0).macs


def test_what_a_checkpoint_is_decides_its_class(folders):
    assert isinstance(load_stock(folders / "stock"), WavLMModel)
    assert load_stock(folders / "ours") is None
    assert isinstance(load(folders / "stock"), SpeechEncoder)


def test_what_is_not_there_is_named(folders):
    with pytest.raises(CheckpointError, match="nowhere"):
        bench(folders / "nowhere", None, QUICK)
    with pytest.raises(CheckpointError, match="nowhere"):
        bench(folders / "ours", folders / "nowhere", QUICK)
    with pytest.raises(SottovoceError, match="device nonsense"):
        bench(folders / "ours", None, BenchmarkSettings(device="nonsense"))

"""The convolution through the Fourier transform, against torch's own."""

import copy
import gc
import pickle

import pytest
import torch
import torch.nn.functional as F

from families import FAMILIES, randomize
from sottovoce.encoder.layers import fft_convolution as module
from sottovoce.encoder.layers.fft_convolution import kept_bytes, long_convolution, long_convolution_serves
from sottovoce.encoder.layers.positional_convolution import PositionalLayer
from sottovoce.encoder.model import SpeechEncoder


def plain(x, weight, bias, groups):
    K = weight.shape[2]
    padded = F.pad(x.transpose(1, 2), (K // 2, (K - 1) // 2))
    return F.conv1d(padded, weight, bias, groups=groups).transpose(1, 2)


@pytest.fixture
def layer() -> PositionalLayer:
    torch.manual_seed(0)
    made = PositionalLayer(24, 24, 128, 4, norm=False, act="gelu")
    torch.nn.init.normal_(made.bias)
    return made


@pytest.mark.parametrize(
    ("B", "T", "I", "O", "K", "groups"),
    [
        (1, 399, 24, 24, 128, 4),
        (3, 100, 24, 24, 128, 4),
        (2, 129, 8, 24, 128, 4),  # channels that were removed from the stream are read no more
        (2, 130, 24, 8, 128, 2),
        (1, 500, 12, 12, 95, 1),
        (2, 258, 6, 6, 64, 6),
        (1, 700, 6, 6, 129, 3),
    ],
)
def test_it_is_torchs_convolution(B, T, I, O, K, groups):
    g = torch.Generator().manual_seed(T)
    x = torch.randn(B, T, I, generator=g, dtype=torch.float64)
    weight = torch.nn.Parameter(torch.randn(O, I // groups, K, generator=g, dtype=torch.float64))
    bias = torch.randn(O, generator=g, dtype=torch.float64)
    with torch.no_grad():
        assert long_convolution_serves(x, weight)
        expected = plain(x, weight, bias, groups)
        assert (long_convolution(x, weight, bias, groups) - expected).abs().max() < 1e-11 * expected.abs().max()
        expected = plain(x.float(), weight.float(), bias.float(), groups)
        single = long_convolution(x.float(), torch.nn.Parameter(weight.float()), bias.float(), groups)
        assert (single - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.mul_(2.0),
        lambda w: w.data.mul_(2.0),  # a write that the version does not show
        lambda w: w.data[:, :, 1:].mul_(2.0),
        lambda w: setattr(w, "data", torch.randn(w.shape, generator=torch.Generator().manual_seed(5))),
    ],
    ids=["in place", "through data", "not in the first tap", "other data"],
)
def test_a_changed_weight_is_transformed_anew(layer, change):
    x = torch.randn(1, 200, 24)
    with torch.no_grad():
        before = layer(x)
        change(layer.weight)
        after = layer(x)
        expected = layer.act(plain(x, layer.weight, layer.bias, 4))
    assert (before - expected).abs().max() > 0.1
    assert torch.allclose(after, expected, atol=1e-4)


def test_another_precision_is_transformed_anew(layer):
    x = torch.randn(1, 200, 24)
    with torch.no_grad():
        single = layer(x)
        assert torch.allclose(layer.double()(x.double()).float(), single, atol=1e-4)


@pytest.mark.parametrize("autocast", [False, True])
def test_low_precision_is_transformed_in_float32(layer, autocast):
    x = torch.randn(1, 200, 24).bfloat16()
    exact = plain(x.double(), layer.weight.double(), layer.bias.double(), 4)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        assert long_convolution_serves(x, layer.weight)
        found = long_convolution(x, layer.weight, layer.bias, 4)
    assert found.dtype == torch.bfloat16
    assert (found.double() - exact).norm() < 2**-8 * exact.norm()  # one rounding
    assert kept_bytes(layer.parameters()) == 129 * 4 * 6 * 6 * 8  # complex64 as ever


def test_tracing_takes_the_plain_way(layer):
    x = torch.randn(1, 200, 24)
    with torch.no_grad():
        traced = torch.jit.trace(layer, x)
        assert torch.allclose(traced(x), layer(x), atol=1e-4)


def test_training_and_gating_take_the_plain_way(layer):
    x = torch.randn(1, 200, 24)
    assert not long_convolution_serves(x, layer.weight)  # gradients
    with torch.inference_mode():
        assert long_convolution_serves(x, layer.weight)
        assert not long_convolution_serves(x, layer.weight * 1.0)  # a gated weight
        assert not long_convolution_serves(x[:, :50], layer.weight)
        assert not long_convolution_serves(x.double(), layer.weight)
    layer(x).sum().backward()
    assert layer.weight.grad.abs().sum() > 0


def test_what_is_kept_is_counted_and_goes_with_the_weight(layer):
    other = copy.deepcopy(layer)
    with torch.inference_mode():
        layer(torch.randn(1, 200, 24))
        assert kept_bytes(layer.parameters()) == 129 * 4 * 6 * 6 * 8  # frequencies, groups, channels, complex64
        assert kept_bytes(other.parameters()) == 0
    assert len(pickle.dumps(layer)) < 2 * layer.weight.nbytes
    gc.collect()  # what other tests left
    kept = len(module._spectra)
    del layer.weight
    gc.collect()
    assert len(module._spectra) == kept - 1


def test_an_encoder_gives_the_same_with_and_without_gradients():
    """Two ways through the positional convolution and the front end: 7 s are several stretches of both."""
    encoder = SpeechEncoder.from_transformers(
        randomize(FAMILIES["wavlm_base"](num_conv_pos_embeddings=128), seed=4)
    ).double()
    wave = torch.randn(2, 7 * 16000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    lengths = torch.tensor([7 * 16000, 5 * 16000 + 77])
    slow = encoder(wave, lengths)
    with torch.inference_mode():
        fast = encoder(wave, lengths)
        assert kept_bytes(encoder.parameters()) > 0
    for a, b in zip(slow.hidden_states, fast.hidden_states, strict=True):
        assert (a - b)[0].abs().max() < 1e-10 * a.abs().max()

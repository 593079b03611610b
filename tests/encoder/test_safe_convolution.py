"""Convolutions in low precision on a CPU, against float64, forward and gradients."""

import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import sottovoce
from sottovoce.encoder.layers.positional_convolution import PositionalLayer
from sottovoce.encoder.layers.safe_convolution import Conv1d, Conv2d, low_precision

LOW = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
PLACES = {torch.bfloat16: 2**-8, torch.float16: 2**-11}
"""Largest relative error of one rounding."""


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def close(low, exact, dtype):
    """Within what rounding inputs and results to ``dtype`` does."""
    return (low.double() - exact).norm() < 4 * PLACES[dtype] * exact.norm()


# Where processors with AMX are wrong: 12 channels a group and 16 or 32 taps, and depthwise kernels; and where not.
SHAPES = [(12, 4, 16), (12, 4, 32), (1, 24, 31), (1, 16, 16), (8, 2, 128), (24, 1, 5), (16, 1, 1), (4, 6, 2)]


@LOW
@pytest.mark.parametrize(("each", "groups", "taps"), SHAPES)
@pytest.mark.parametrize("autocast", [False, True], ids=["model", "autocast"])
def test_low_precision_is_right_forward_and_backward(dtype, each, groups, taps, autocast):
    """On processors with AMX, oneDNN's bfloat16 ``conv1d`` is wrong (116 % error) for fewer than 16 channels a group
    and 16 or more taps.
    """
    channels = each * groups
    layer = Conv1d(channels, channels, taps, groups=groups)
    with torch.no_grad():
        layer.weight.copy_(random(*layer.weight.shape, seed=1).to(dtype))
        layer.bias.copy_(random(channels, seed=2).to(dtype))
    # As `to(dtype)` rounds them, so that only the computing is compared.
    x, gradient = random(2, channels, 150).to(dtype), random(2, channels, 151 - taps, seed=3).to(dtype)
    exact_x, weight, bias = (t.detach().double().requires_grad_() for t in (x, layer.weight, layer.bias))
    exact = F.conv1d(exact_x, weight, bias, groups=groups)
    exact.backward(gradient.double())

    layer = layer if autocast else layer.to(dtype)
    low_x = (x.float() if autocast else x).detach().requires_grad_()
    with torch.autocast("cpu", dtype=dtype, enabled=autocast):
        low = layer(low_x)
    assert low.dtype == dtype
    low.backward(gradient)
    assert close(low, exact, dtype)
    for found, expected in ((low_x, exact_x), (layer.weight, weight), (layer.bias, bias)):
        assert close(found.grad, expected.grad, dtype)


@LOW
def test_two_dimensions_strides_dilation_and_padding(dtype):
    flat, wide = Conv2d(6, 4, (2, 3), stride=(2, 1), padding=(1, 1)), Conv1d(6, 4, 3, stride=2, dilation=4, padding=4)
    x = random(2, 6, 20, 17).to(dtype)
    for layer, given, plain in ((flat, x, F.conv2d), (wide, x[..., 0], F.conv1d)):
        layer.to(dtype)
        how = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
        exact = plain(given.double(), layer.weight.double(), layer.bias.double(), **how)
        assert close(layer(given), exact, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_other_precisions_are_torchs_own(dtype):
    layer, x = Conv1d(6, 6, 3, groups=2, padding=1).to(dtype), random(2, 6, 20).to(dtype)
    assert torch.equal(layer(x), nn.Conv1d.forward(layer, x))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (low_precision(x) is None) == (dtype == torch.float64)
        assert layer(x).dtype == (dtype if dtype == torch.float64 else torch.bfloat16)
    assert low_precision(x.bfloat16().to("meta")) is None


@LOW
@pytest.mark.parametrize(("taps", "frames"), [(32, 150), (128, 150), (128, 50)])
def test_the_positional_convolution_at_inference(dtype, taps, frames):
    """Long ones through a transform in float32, with bfloat16 weights too."""
    layer = PositionalLayer(24, 24, taps, 2, norm=False, act="gelu").to(dtype)
    x = random(2, frames, 24).to(dtype)
    padded = F.pad(x.double().transpose(1, 2), (taps // 2, (taps - 1) // 2))
    exact = F.gelu(F.conv1d(padded, layer.weight.double(), layer.bias.double(), groups=2).transpose(1, 2))
    with torch.inference_mode():
        low = layer(x)
        with torch.autocast("cpu", dtype=dtype):
            mixed = layer.float()(x.float())
    assert low.dtype == mixed.dtype == dtype
    assert close(low, exact, dtype) and close(mixed, exact, dtype)


@LOW
def test_traced_it_is_the_same(dtype):
    layer, x = both_kinds().to(dtype), random(1, 24, 60).to(dtype)
    with torch.no_grad():
        assert torch.equal(torch.jit.trace(layer, x)(x), layer(x))


@pytest.mark.slow
@LOW
def test_exported_and_compiled_it_is_the_same(dtype):
    layer, x = both_kinds().to(dtype), random(1, 24, 60).to(dtype)
    expected = layer(x)
    assert torch.equal(torch.export.export(layer, (x,)).module()(x), expected)
    with torch.autocast("cpu", dtype=dtype):
        compiled = torch.compile(layer.float(), backend="eager", fullgraph=True)
        assert close(compiled(x.float()), expected.double(), dtype)


def both_kinds() -> nn.Module:
    return nn.Sequential(Conv1d(24, 24, 31, groups=24), Conv1d(24, 8, 1))


def test_no_other_convolution_is_written():
    """In the package, those of torch are named to recognize modules only, never to make, to derive from or to call one."""
    other = re.compile(r"\b(?:nn|F|functional|torch)\.(?:Lazy)?[Cc]onv\w+\(|^class \w+\(.*\bnn\.Conv", re.MULTILINE)
    root = Path(sottovoce.__file__).parent
    found = {file.name for file in root.rglob("*.py") if other.search(file.read_text(encoding="utf-8"))}
    assert found == {"safe_convolution.py"}

"""The filterbank against the stock feature extractor of w2v-BERT 2.0, and its other scales against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import SeamlessM4TFeatureExtractor

from families import speech
from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.encoder.frontend.feature_norm import UtteranceNorm
from sottovoce.encoder.frontend.filterbank import Filterbank
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import CheckpointError
from sottovoce.pruning.costs import cost

LENGTHS = (16000, 15999, 15839, 9000, 3000, 880, 720, 560)


def stock(samples: np.ndarray) -> Tensor:
    """Features ``[T, 160]`` that the stock model attends to."""
    out = SeamlessM4TFeatureExtractor()(samples, sampling_rate=16000, return_tensors="pt")
    return out.input_features[0, out.attention_mask[0].bool()]


def test_a_padded_batch_equals_the_stock_extractor_on_each_utterance_alone():
    waveform, lengths = speech(*LENGTHS)
    features, frames = Filterbank()(waveform, lengths)
    for i, samples in enumerate(LENGTHS):
        expected = stock(waveform[i, :samples].numpy())
        assert len(expected) == frames[i] == Filterbank().frames(samples)
        assert (features[i, : frames[i]] - expected).abs().max() < 1e-4
        assert not features[i, frames[i] :].any()


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 559, 560])
def test_utterances_too_short_for_a_frame_have_none(samples):
    features, frames = Filterbank()(torch.randn(1, samples), torch.tensor([samples]))
    assert frames.item() == Filterbank().frames(samples) == features.shape[1] == (samples >= 560)
    assert features.isfinite().all()


def test_almost_empty_bins_are_exact():
    """Audio that was upsampled from 8 kHz: nothing above 4 kHz, where float32 transforms would only see their noise."""
    random = np.random.default_rng(0)
    spectrum = np.fft.rfft(random.standard_normal(16000))
    spectrum[4000:] = 0
    waveform = (0.2 * np.fft.irfft(spectrum)).astype(np.float32)
    features, _ = Filterbank()(torch.from_numpy(waveform)[None], torch.tensor([16000]))
    assert (features[0] - stock(waveform)).abs().max() < 1e-4


def test_silence_is_zero():
    features, _ = Filterbank()(torch.zeros(1, 16000), torch.tensor([16000]))
    assert features.abs().max() < 1e-6


def test_half_precision_modules_and_autocast_change_nothing():
    waveform, lengths = speech(8000, 5000)
    expected, _ = Filterbank()(waveform, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        autocast, _ = Filterbank().to(torch.bfloat16)(waveform, lengths)
    assert autocast.dtype == torch.float32 and torch.equal(autocast, expected)
    double, _ = Filterbank().double()(waveform.double(), lengths)
    assert double.dtype == torch.float64 and (double - expected).abs().max() < 1e-5


def test_it_has_no_state_and_runs_on_meta():
    filterbank = Filterbank()
    assert not filterbank.state_dict() and not list(filterbank.buffers())
    features, _ = filterbank(torch.zeros(2, 16000, device="meta"), torch.zeros(2, dtype=torch.long, device="meta"))
    assert features.shape == (2, 49, 160)


def test_gradients_stay_within_the_utterance():
    waveform, lengths = speech(8000, 5000)
    waveform = waveform.double().requires_grad_()
    features, _ = Filterbank()(waveform, lengths)
    (features * torch.randn(features.shape, dtype=torch.float64)).sum().backward()
    assert waveform.grad[0].any() and waveform.grad[1, :4900].any()
    assert not waveform.grad[1, 5000:].any()
    assert waveform.grad.isfinite().all()


def by_hand(samples: np.ndarray, bins: int, norm: str) -> np.ndarray:
    """Linear filterbank features ``[T, 2 * bins]``, one window at a time."""
    window = np.hanning(400) ** 0.85
    edges = np.linspace(20, 8000, bins + 2)
    hertz = np.arange(257) * 16000 / 512
    filters = [np.interp(hertz, edges[k : k + 3], [0, 1, 0], left=0, right=0) for k in range(bins)]
    levels = []
    for start in range(0, len(samples) - 399, 160):
        x = samples[start : start + 400].astype(np.float64) * 32768
        x = x - x.mean()
        x = np.append(x[0] * (1 - 0.97), x[1:] - 0.97 * x[:-1])
        power = np.abs(np.fft.rfft(x * window, 512)) ** 2
        levels.append([np.log(max(power @ f, 1.192092955078125e-07)) for f in filters])
    found = np.array(levels)
    axis = 0 if norm == "bin" else None
    found = (found - found.mean(axis)) / np.sqrt(found.var(axis, ddof=1) + 1e-7)
    return found[: len(found) // 2 * 2].reshape(-1, 2 * bins)


@pytest.mark.parametrize("norm", ["bin", "level"])
@pytest.mark.parametrize("bins", [40, 80])
def test_linear_bins_and_both_norms_by_hand(bins, norm):
    waveform, lengths = speech(8000, 5000, 700)
    features, frames = Filterbank(bins, "linear", UtteranceNorm(level=norm == "level"))(waveform, lengths)
    for i, samples in enumerate(lengths.tolist()):
        expected = by_hand(waveform[i, :samples].numpy(), bins, norm)
        assert len(expected) == frames[i]
        assert np.abs(features[i, : frames[i]].numpy() - expected).max() < 1e-4
        assert not features[i, frames[i] :].any()


def test_a_level_hides_loudness_only():
    waveform, lengths = speech(8000)
    louder, _ = Filterbank(norm=UtteranceNorm(level=True))(2 * waveform, lengths)
    plain, _ = Filterbank(norm=UtteranceNorm(level=True))(waveform, lengths)
    assert (louder - plain).abs().max() < 1e-4
    # A microphone stays, which the other norm takes away.
    assert plain.unflatten(2, (2, 80)).mean((1, 2)).abs().max() > 0.3
    assert Filterbank()(waveform, lengths)[0].unflatten(2, (2, 80)).mean((1, 2)).abs().max() < 0.05


def test_an_encoder_has_the_filterbank_of_its_config(tmp_path):
    shape = uniform_shape(
        hidden_size=16, layers=1, heads=2, ffn=8, conv_channels=None, positional_groups=2, positional_taps=[8]
    )
    fields = {"front_end": "filterbank", "head_dim": 8, "attention_heads": 2, "projection_norm": False}
    config = EncoderConfig(shape=shape, filterbank_bins=30, filterbank_scale="linear", feature_norm="level", **fields)
    encoder = SpeechEncoder(config).eval()
    encoder.save_pretrained(tmp_path)
    again = SpeechEncoder.from_pretrained(tmp_path)
    waveform, lengths = speech(8000, 5000)
    assert torch.equal(encoder(waveform, lengths).last_hidden_state, again(waveform, lengths).last_hidden_state)
    assert again.frontend.filterbank.size == again.frontend.projection.linear.in_features == 60
    assert cost(encoder, 1.0).params == sum(p.numel() for p in encoder.parameters())
    with pytest.raises(CheckpointError, match="filterbank_scale is 'bark'; it can be mel, linear"):
        EncoderConfig(shape=shape, filterbank_scale="bark")

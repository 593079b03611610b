"""The filterbank against the stock feature extractor of w2v-BERT 2.0."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import SeamlessM4TFeatureExtractor

from families import speech
from sottovoce.encoder.filterbank import Filterbank

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
        assert len(expected) == frames[i] == Filterbank.frames(samples)
        assert (features[i, : frames[i]] - expected).abs().max() < 1e-4
        assert not features[i, frames[i] :].any()


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 559, 560])
def test_utterances_too_short_for_a_frame_have_none(samples):
    features, frames = Filterbank()(torch.randn(1, samples), torch.tensor([samples]))
    assert frames.item() == Filterbank.frames(samples) == features.shape[1] == (samples >= 560)
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

"""Each toolkit's filterbank against the toolkit: Kaldi's by numbers of kaldi-native-fbank 1.23, ESPnet's by torch.stft."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

from families import speech
from sottovoce.encoder.frontend.feature_norm import MeanNorm
from sottovoce.encoder.frontend.filterbank import Filterbank
from sottovoce.encoder.frontend.mel_analysis import TOOLKITS, log_levels

FRAMES, BINS = (0, 30, 97), (0, 20, 40, 60, 79)
KALDI = {
    "wespeaker": (  # window_type hamming, samples * 32768, dither 0
        [15.11242, 15.18344, 14.92804, 8.28096, 8.17865],
        [14.16354, 10.53722, 9.55951, 9.08523, 14.29219],
        [13.92136, 14.22734, 9.62888, 9.08523, 9.23793],
    ),
    "3d_speaker": (  # window_type povey, samples as they are, dither 0
        [-6.78556, -5.48874, -6.48853, -15.94238, -15.94238],
        [-7.40747, -14.37052, -15.94238, -15.94238, -8.30224],
        [-9.10083, -6.4985, -15.94238, -15.94238, -15.94238],
    ),
}
MEANS = {"wespeaker": (12.938418, 3.742944), "3d_speaker": (-10.836212, 5.877252)}


def tones() -> Tensor:
    """One second of two rising tones, as the numbers above were computed on."""
    n = np.arange(16000)
    return torch.from_numpy(
        np.sin(n * 0.05 * (1 + n / 16000)).astype(np.float32) * np.float32(0.3)
        + np.float32(0.01) * np.sin(n**2 * 0.001).astype(np.float32)
    )[None]


@pytest.mark.parametrize("toolkit", KALDI)
def test_levels_are_those_of_kaldi(toolkit):
    found = log_levels(TOOLKITS[toolkit], tones(), torch.tensor([16000]), 80, "mel")[0].numpy()
    assert np.abs(found[np.ix_(FRAMES, BINS)] - np.array(KALDI[toolkit])).max() < 1e-3
    assert np.abs(np.array([found.mean(), found.std()]) - MEANS[toolkit]).max() < 1e-3


@pytest.mark.parametrize(("toolkit", "window", "gain"), [("wespeaker", "hamming", 2**15), ("3d_speaker", "povey", 1)])
def test_levels_are_those_of_kaldi_where_it_is_installed(toolkit, window, gain):
    knf = pytest.importorskip("kaldi_native_fbank")
    waveform, _ = speech(16000)
    options = knf.FbankOptions()
    options.frame_opts.dither, options.frame_opts.window_type, options.mel_opts.num_bins = 0, window, 80
    bank = knf.OnlineFbank(options)
    bank.accept_waveform(16000, (waveform[0] * gain).tolist())
    expected = np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)])
    found = log_levels(TOOLKITS[toolkit], waveform, torch.tensor([16000]), 80, "mel")[0].numpy()
    assert np.abs(found - expected).max() < 1e-3


def espnet(samples: Tensor) -> Tensor:
    """ESPnet's ``MelSpectrogramTorch(preemp, log, hamming, normalize="mn")`` on one utterance ``[S]``: ``[T, 80]``."""
    emphasized = samples - 0.97 * torch.cat([samples[1:2], samples[:-1]])
    spectrum = torch.stft(emphasized, 512, 160, 400, torch.hamming_window(400), return_complex=True)
    filters = mel_filter_bank(257, 80, 20.0, 7600.0, 16000, norm=None, mel_scale="htk")
    levels = (spectrum.abs().square().T.double() @ torch.from_numpy(filters) + 1e-6).log()
    return (levels - levels.mean(0)).float()


def test_a_padded_batch_equals_espnet_on_each_utterance_alone():
    waveform, lengths = speech(8000, 7999, 5000, 257)
    bank = Filterbank(80, norm=MeanNorm(), analysis=TOOLKITS["espnet"], stacked=1)
    features, frames = bank(waveform, lengths)
    for i, samples in enumerate(lengths.tolist()):
        expected = espnet(waveform[i, :samples])
        assert len(expected) == frames[i] == bank.frames(samples)
        assert (features[i, : frames[i]] - expected).abs().max() < 1e-3
        assert not features[i, frames[i] :].any()


@pytest.mark.parametrize("toolkit", TOOLKITS)
def test_too_short_utterances_have_no_frame(toolkit):
    bank = Filterbank(analysis=TOOLKITS[toolkit], stacked=1)
    for samples in (bank.min_samples - 1, bank.min_samples):
        features, frames = bank(torch.randn(1, samples), torch.tensor([samples]))
        assert frames.item() == features.shape[1] == bank.frames(samples)
        assert (frames.item() > 0) == (samples == bank.min_samples)

"""Rooms, noise and channels against direct formulas: levels, decay, spectra, and purity."""

import numpy as np
import pytest
from scipy.signal import fftconvolve, welch

from sottovoce.data.audio import acoustics as ac


def noise(length, seed=0):
    return np.random.default_rng(seed).standard_normal(length, dtype=np.float32)


def test_crops_are_stretches_from_everywhere():
    wave = np.arange(1000, dtype=np.float32)
    generator = np.random.default_rng(0)
    starts = set()
    for _ in range(300):
        piece = ac.crop(wave, 990, generator)
        assert np.array_equal(piece, np.arange(piece[0], piece[0] + 990))
        starts.add(int(piece[0]))
    assert starts == set(range(11))
    assert ac.crop(wave, 1000, generator) is wave


def test_short_waveforms_are_repeated():
    wave = np.arange(7, dtype=np.float32)
    piece = ac.crop(wave, 20, np.random.default_rng(1))
    assert len(piece) == 20 and np.array_equal((piece[:-1] + 1) % 7, piece[1:])
    assert len({ac.crop(wave, 20, np.random.default_rng(seed))[0] for seed in range(50)}) == 7


@pytest.mark.parametrize("snr", [-5.0, 0.0, 12.5])
def test_the_mixture_has_the_ratio(snr):
    speech, other = 0.1 * noise(16_000), 3 * noise(16_000, 1)
    added = ac.mix(speech, other, snr) - speech
    assert 10 * np.log10(ac.power(speech) / ac.power(added)) == pytest.approx(snr, abs=1e-3)
    silent = np.zeros_like(speech)
    assert np.array_equal(ac.mix(speech, silent, snr), speech)
    assert np.array_equal(ac.mix(silent, other, snr), silent)


@pytest.mark.parametrize(("signal", "response"), [(1000, 1), (1000, 333), (333, 1000), (16_001, 4096)])
def test_convolution_is_convolution(signal, response):
    wave, h = noise(signal), noise(response, 1)
    expected = fftconvolve(wave.astype(float), h.astype(float))[:signal]
    np.testing.assert_allclose(ac.convolve(wave, h), expected, atol=2e-4 * np.abs(expected).max())


def test_reverberation_keeps_time_and_power():
    wave = np.zeros(8_000, dtype=np.float32)
    wave[3_000] = 1.0
    response = np.zeros(500, dtype=np.float32)
    response[[100, 300]] = 1.0, 0.5  # the direct sound arrives late
    wet = ac.reverberate(wave, response)
    assert np.argmax(np.abs(wet)) == 3_000
    assert wet[3_200] == pytest.approx(wet[3_000] / 2, rel=1e-4)
    assert ac.power(wet) == pytest.approx(ac.power(wave), rel=1e-4)
    assert np.array_equal(ac.reverberate(0 * wave, response), 0 * wave)


@pytest.mark.parametrize("t60", [0.2, 0.7])
@pytest.mark.parametrize("ratio", [-3.0, 6.0])
def test_rooms_decay_as_asked(t60, ratio):
    response = ac.room_response(t60, ratio, np.random.default_rng(0))
    tail = response[1:].astype(float)
    assert response[0] == 1.0 and response.dtype == np.float32
    assert 10 * np.log10(1 / np.sum(tail**2)) == pytest.approx(ratio, abs=0.05)
    left = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1])  # Schroeder's backward integration
    early, late = round(0.1 * t60 * 16_000), round(0.5 * t60 * 16_000)
    assert (left[early] - left[late]) / 0.4 == pytest.approx(60, rel=0.1)


@pytest.mark.parametrize("slope", [0.0, 3.0, 6.0])
@pytest.mark.parametrize("length", [16_000, 48_017])
def test_the_color_of_noise(slope, length):
    wave = ac.colored_noise(length, slope, np.random.default_rng(0))
    assert wave.shape == (length,) and wave.dtype == np.float32
    assert ac.power(wave) == pytest.approx(1, rel=1e-3)
    frequency, density = welch(wave, 16_000, nperseg=1024)
    octave = [10 * np.log10(density[(frequency >= f) & (frequency < 2 * f)].mean()) for f in (500, 1000, 2000, 4000)]
    assert np.diff(octave).mean() == pytest.approx(-slope, abs=0.6)


def test_a_telephone_line_is_a_band():
    response = ac.channel_response(0.0, np.random.default_rng(0), low=300, high=3_400)
    gain = 20 * np.log10(np.abs(np.fft.rfft(response, 16_000)) + 1e-9)
    assert np.abs(gain[600:3_000]).max() < 1.0
    assert gain[:100].max() < -20 and gain[4_000:].max() < -20
    flat, rough = (ac.channel_response(depth, np.random.default_rng(0)) for depth in (0.0, 6.0))
    spread = [np.std(20 * np.log10(np.abs(np.fft.rfft(h))[4:-4])) for h in (flat, rough)]
    assert spread[0] < 0.5 < 2 < spread[1]


def test_babble_is_everyone_equally_loud():
    voices = [10 * noise(500), 0.1 * noise(5_000, 1), np.zeros(100, dtype=np.float32)]
    crowd = ac.babble(voices, 2_000, np.random.default_rng(0))
    assert crowd.shape == (2_000,) and ac.power(crowd) == pytest.approx(1, rel=1e-3)
    alone = ac.babble(voices[:1], 2_000, np.random.default_rng(0))
    assert np.dot(alone, crowd) / 2_000 == pytest.approx(np.sqrt(0.5), abs=0.1)
    assert not ac.babble([], 100, np.random.default_rng(0)).any()

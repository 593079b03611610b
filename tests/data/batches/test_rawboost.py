"""RawBoost: each part against what the paper says of it."""

import numpy as np
import pytest
import scipy.signal

from sottovoce.data.audio.acoustics import power
from sottovoce.data.batches.rawboost import PARTS, RawBoost, convolutive, impulsive, notch_filter, stationary
from sottovoce.errors import DataError

ALGORITHMS = pytest.mark.parametrize("algorithm", range(1, 9))


def noise(samples=16_000, seed=0, level=0.1):
    return np.random.default_rng(seed).normal(0, level, samples).astype(np.float32)


def test_a_notch_filter_takes_bands_out_and_delays_evenly():
    for seed in range(20):
        taps = notch_filter(
            np.random.default_rng(seed), bands=1, center=(4_000, 4_000), width=(800, 800), taps=(90, 100)
        )
        assert len(taps) % 2 and np.allclose(taps, taps[::-1], atol=1e-6)
        hertz, gains = scipy.signal.freqz(taps, worN=2_000, fs=16_000)
        gains = 20 * np.log10(np.abs(gains) + 1e-9)
        assert gains.max() == pytest.approx(0, abs=0.05)
        assert gains[np.abs(hertz - 4_000) < 100].max() < -15 < -1 < gains[np.abs(hertz - 4_000) > 1_000].min()
    louder = notch_filter(np.random.default_rng(0), gain=(6.0, 6.0))
    assert 20 * np.log10(np.abs(scipy.signal.freqz(louder)[1]).max()) == pytest.approx(6, abs=0.05)


def test_convolutive_noise_has_overtones_in_its_range():
    """A tone of 1 kHz: the fifth power has 1, 3 and 5 kHz, the even ones 2 and 4, and their gains are known."""
    time = np.arange(16_000) / 16_000
    tone = np.sin(2 * np.pi * 1_000 * time).astype(np.float32)
    linear = convolutive(tone, np.random.default_rng(0), powers=1)
    spectrum = np.abs(np.fft.rfft(linear[2_000:-2_000]))
    assert spectrum[750] > 500 * spectrum[1_500]  # 1 and 2 kHz
    tone *= np.float32(0.4)  # nothing is brought down to full scale
    for seed in range(5):
        # The draws are the same whatever the range, so only the gain of the overtones differs.
        kinds = {"loud": (5.0, 5.0), "soft": (25.0, 25.0), "drawn": (5.0, 20.0)}
        heard = {name: convolutive(tone, np.random.default_rng(seed), bias=bias) for name, bias in kinds.items()}
        linear = convolutive(tone, np.random.default_rng(seed), powers=1)
        over = {name: wave - linear for name, wave in heard.items()}
        assert np.abs(over["loud"] - 10 * over["soft"]).max() < 1e-3 * np.abs(over["loud"]).max() + 1e-5
        square = {name: convolutive(tone, np.random.default_rng(seed), powers=2, bias=kinds[name]) for name in kinds}
        ratio = 10 * np.log10(power(square["drawn"] - linear) / power(square["loud"] - linear))
        assert -15.01 < ratio < 0.01  # from 20 to 5 dB
        spectrum = np.abs(np.fft.rfft(over["loud"][2_000:-2_000]))
        assert spectrum.argmax() in {0, 750, 1_500, 2_250, 3_000, 3_750}  # 0 to 5 kHz


def test_convolutive_noise_does_not_delay():
    wave = noise()
    for seed in range(10):
        heard = convolutive(wave, np.random.default_rng(seed), powers=1)
        match = np.abs(np.correlate(np.pad(heard, 200), wave, "valid"))
        assert match.argmax() == 200


def test_impulsive_noise_is_a_random_multiple_of_some_samples():
    wave = noise()
    shares = []
    for seed in range(40):
        heard = impulsive(wave, np.random.default_rng(seed), share=0.1, gain=2.0)
        changed = heard != wave
        shares.append(changed.mean())
        factors = (heard / wave)[changed] - 1
        assert np.abs(factors).max() <= 2 + 1e-4
        if len(factors) > 200:
            # The product of two even draws from -1..1, times 2: its mean is 0, its variance 4 / 9.
            assert abs(factors.mean()) < 0.2 and factors.var() == pytest.approx(4 / 9, rel=0.4)
    assert max(shares) <= 0.1 and 0.02 < np.mean(shares) < 0.08


def test_stationary_noise_stays_within_its_range():
    wave = noise()
    ratios = []
    for seed in range(40):
        added = stationary(wave, np.random.default_rng(seed), snr=(10.0, 40.0)) - wave
        ratios.append(10 * np.log10(power(wave) / power(added)))
        assert abs(np.corrcoef(added, wave)[0, 1]) < 0.05
    assert 9.9 < min(ratios) < 15 and 35 < max(ratios) < 40.1


@ALGORITHMS
@pytest.mark.parametrize("samples", [1, 3, 50, 4_000])
def test_every_algorithm_keeps_length_and_silence(algorithm, samples):
    effect, generator = RawBoost(1.0, algorithm), np.random.default_rng(1)
    wave, silent = noise(samples), np.zeros(samples, np.float32)
    heard, quiet = effect([wave, silent], generator)
    assert heard.shape == wave.shape and heard.dtype == quiet.dtype == np.float32
    assert np.isfinite(heard).all() and not quiet.any()


@ALGORITHMS
def test_an_algorithm_is_its_parts(algorithm):
    wave, found = noise(4_000), None
    (found,) = RawBoost(1.0, algorithm)([wave], np.random.default_rng(3))
    generator = np.random.default_rng(3)
    generator.random(1)  # which waveforms are chosen
    if algorithm == 8:
        expected = convolutive(wave, generator) + impulsive(wave, generator)
        expected = expected / max(1.0, np.abs(expected).max())
    else:
        named = {1: [convolutive], 2: [impulsive], 3: [stationary]}
        expected = wave
        for part in {4: [1, 2, 3], 5: [1, 2], 6: [1, 3], 7: [2, 3]}.get(algorithm, [algorithm]):
            expected = named[part][0](expected, generator)
    assert np.allclose(found, expected, atol=1e-7) and not np.array_equal(found, wave)
    assert set(PARTS) == set(range(1, 8))


def test_other_algorithms_are_refused():
    with pytest.raises(DataError, match="rawboost: algorithm 9; there are 1 to 8"):
        RawBoost(algorithm=9)

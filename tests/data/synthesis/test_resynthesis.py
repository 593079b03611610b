"""Attacks: each says the same, as long and as loud, and none sounds like the recording or like another attack."""

import itertools

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from sottovoce.data.synthesis.resynthesis import ATTACKS, resynthesize


def speech(seconds=1.0, seed=0, pitch=120.0):
    """A pulse train of moving pitch through moving formants, with noise between: what vocoders are made for."""
    generator = np.random.default_rng(seed)
    samples = round(16_000 * seconds)
    time = np.arange(samples) / 16_000
    phase = np.cumsum(pitch * (1 + 0.15 * np.sin(2 * np.pi * 1.3 * time))) / 16_000
    source = np.diff(np.floor(phase), prepend=0) + 0.003 * generator.standard_normal(samples)
    out = np.zeros(samples)
    for first in range(0, samples, 2_000):
        poles = [
            0.97 * np.exp(2j * np.pi * f / 16_000) for f in generator.uniform([300, 900, 2_200], [800, 2_000, 3_500])
        ]
        taps = np.real(np.poly([*poles, *np.conj(poles)]))
        out[first : first + 2_000] = lfilter([1.0], taps, source[first : first + 2_000])
    return (0.05 * out / out.std()).astype(np.float32)


def bands(wave):
    """Log energies of 16 bands in frames of 32 ms: the coarse picture of what is said."""
    power = torch.stft(torch.from_numpy(wave), 512, 256, window=torch.hann_window(512), return_complex=True).abs() ** 2
    return np.log(power[:256].reshape(16, 16, -1).sum(1).numpy() + 1e-5)


def picture(wave):
    window = torch.hann_window(512)
    return np.log(torch.stft(torch.from_numpy(wave), 512, 128, window=window, return_complex=True).abs().numpy() + 1e-3)


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_says_the_same_and_is_another_recording(attack):
    wave = speech()
    made = resynthesize(wave, attack, np.random.default_rng(1))
    assert made.dtype == np.float32 and made.shape == wave.shape and np.isfinite(made).all()
    assert np.isclose(np.sqrt(np.mean(made**2)), np.sqrt(np.mean(wave**2)), rtol=1e-3) and np.abs(made).max() < 1
    assert np.sqrt(np.mean((made - wave) ** 2)) > 0.1 * np.sqrt(np.mean(wave**2))  # less than 20 dB apart
    alike = np.corrcoef(bands(wave).ravel(), bands(made).ravel())[0, 1]
    noise = np.random.default_rng(2).standard_normal(len(wave)).astype(np.float32) * 0.05
    assert alike > 0.5 and alike > 0.3 + np.corrcoef(bands(wave).ravel(), bands(noise).ravel())[0, 1]


def test_no_two_attacks_sound_alike():
    wave = speech()
    pictures = {name: picture(resynthesize(wave, name, np.random.default_rng(1))) for name in ATTACKS}
    for (a, first), (b, second) in itertools.combinations(pictures.items(), 2):
        assert np.sqrt(np.mean((first - second) ** 2)) > 0.25, (a, b)


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_depends_on_the_generator_only(attack):
    wave = speech(0.5)
    once, again = (resynthesize(wave, attack, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(once, again)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("samples", [400, 1_000, 3_000])
def test_short_and_silent_audio(attack, samples):
    for wave in (np.zeros(samples, np.float32), speech()[:samples]):
        made = resynthesize(wave, attack, np.random.default_rng(0))
        assert made.shape == wave.shape and np.isfinite(made).all()


def test_each_does_what_its_name_says():
    wave = speech()
    made = {name: resynthesize(wave, name, np.random.default_rng(1)) for name in ATTACKS}

    def magnitudes(wave):
        return np.exp(picture(wave))

    original = magnitudes(wave)
    # Griffin-Lim keeps magnitudes, better than disturbed phases and than what went through mel bands.
    errors = {
        name: np.linalg.norm(magnitudes(each) - original) / np.linalg.norm(original) for name, each in made.items()
    }
    assert errors["griffin_lim"] < 0.6 * min(errors["phase_noise"], errors["mel_griffin_lim"])
    # Folding: what is f below 4 kHz is as far above it.
    folded = np.abs(np.fft.rfft(made["folded"]))
    low, high = folded[500:3_500], folded[::-1][500:3_500]
    assert np.corrcoef(np.log(low), np.log(high))[0, 1] > 0.9

    # A shifted pitch is another pitch: by the best lag of the autocorrelation.
    def lag(wave):
        return 40 + np.correlate(wave[:8_000], wave[:8_000], "full")[8_039:8_300].argmax()

    assert abs(lag(made["pitch_shift"]) / lag(wave) - 1) > 0.07
    assert abs(lag(made["lpc"]) / lag(wave) - 1) < 0.05  # the pitch is found again
    # Sinusoids: most of the energy lies in few lines of each frame.
    frame = np.sort(magnitudes(made["sinusoidal"])[:, 20:100] ** 2, axis=0)[::-1]
    whole = np.sort(original[:, 20:100] ** 2, axis=0)[::-1]
    assert (frame[75:].sum() / frame.sum()) < 0.5 * (whole[75:].sum() / whole.sum())
    # Splices are pieces of the recording.
    piece = made["splice"][960 * 4 + 200 : 960 * 4 + 900]
    scale = np.linalg.norm(piece)
    found = [abs(piece @ wave[s : s + 700]) / scale / np.linalg.norm(wave[s : s + 700]) for s in range(len(wave) - 700)]
    assert max(found) > 0.999

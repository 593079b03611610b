"""Codecs: what they keep (length, time, level, speech), what they lose, and what they make of nothing."""

import numpy as np
import pytest

from sottovoce.data.batches.codecs import CODECS, Coding
from sottovoce.errors import DataError
from sottovoce.recipe.training.augmentation import Augmentation, effects

NAMES = pytest.mark.parametrize("name", CODECS)


def sweep(samples=16_000, level=0.1):
    """Rising from 100 Hz to 7 kHz: every moment is at one place only."""
    time = np.arange(samples) / 16_000
    return (level * np.sin(2 * np.pi * (100 + 6_900 * time / (2 * time[-1])) * time)).astype(np.float32)


def band(wave, low, high):
    spectrum = np.abs(np.fft.rfft(wave)) ** 2
    hertz = np.fft.rfftfreq(len(wave), 1 / 16_000)
    return spectrum[(hertz >= low) & (hertz < high)].sum()


@NAMES
def test_length_time_and_level_stay(name):
    wave = sweep()
    for seed in range(3):
        heard = CODECS[name](wave, np.random.default_rng(seed))
        assert heard.shape == wave.shape and heard.dtype == np.float32
        # Compared in the telephone band, which all of them carry; GSM is made for voices and loses part of a tone.
        first, second = (np.fft.irfft(np.where(in_band(len(w)), np.fft.rfft(w), 0)) for w in (wave, heard))
        lags = range(-160, 161)
        match = [np.dot(np.roll(first, lag), second) for lag in lags]
        assert abs(lags[int(np.argmax(match))]) <= 1
        assert max(match) / np.dot(first, first) == pytest.approx(1.0, abs=0.5 if name == "gsm" else 0.1)


def in_band(samples):
    hertz = np.fft.rfftfreq(samples, 1 / 16_000)
    return (hertz > 500) & (hertz < 3_000)


@NAMES
def test_it_does_something_and_narrow_ones_end_at_four_kilohertz(name):
    wave = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    heard = CODECS[name](wave, np.random.default_rng(0))
    assert np.abs(heard - wave).max() > 0.01
    above = band(heard, 4_200, 8_000) / band(heard, 300, 3_400)
    assert (above < 1e-3) == (CODECS[name].rate == 8_000)


@NAMES
@pytest.mark.parametrize("samples", [3, 37, 399, 4_001])
def test_short_quiet_and_loud_audio(name, samples):
    generator = np.random.default_rng(0)
    silent = np.zeros(samples, np.float32)
    assert np.array_equal(CODECS[name](silent, generator), silent)
    for level in (1e-4, 30.0):
        wave = sweep(max(samples, 4))[:samples] * np.float32(level / 0.1)
        heard = CODECS[name](wave, generator)
        assert heard.shape == wave.shape and np.isfinite(heard).all()
        assert np.abs(heard).max() < 5 * level


def test_all_codecs_are_drawn():
    wave = sweep(4_000)
    heard = Coding(1.0, ["mulaw", "gsm", "narrow"])([wave] * 30, np.random.default_rng(0))
    assert len({each.tobytes() for each in heard}) == 3


def test_unknown_codecs_are_named():
    with pytest.raises(DataError, match="codecs: opsu is unknown; did you mean .opus."):
        Coding(codecs=["opsu"])
    with pytest.raises(DataError, match="codecs: none"):
        Coding(codecs=[])


def test_recipes_choose_them():
    section = [{"codec": {"probability": 0.3, "codecs": ["opus", "mp3"]}}, {"rawboost": {"algorithm": 4}}, "codec"]
    coding, boost, every = effects([Augmentation.model_validate(each) for each in section])
    assert coding.probability == 0.3 and list(coding.codecs) == ["opus", "mp3"]
    assert boost.algorithm == 4 and list(every.codecs) == list(CODECS)
    for wrong in ({"codec": {"codecs": ["opsu"]}}, {"rawboost": {"algorithm": 9}}, {"codec": {"rate": 8}}):
        with pytest.raises(ValueError):
            Augmentation.model_validate(wrong)

"""Effects on batches: pure in the generator, applied as often as asked, and never changing lengths or inputs."""

import numpy as np
import pytest
import soundfile

from sottovoce.data.audio.acoustics import power
from sottovoce.data.batches.codecs import Coding
from sottovoce.data.batches.noise import Babble, ColoredNoise, Noise, RecordedNoise
from sottovoce.data.batches.rawboost import RawBoost
from sottovoce.data.batches.rooms import Channel, RecordedRooms, Reverberation, SimulatedRooms
from sottovoce.errors import AudioError, DataError


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    paths = []
    for number, (seconds, rate) in enumerate([(0.2, 16_000), (3.0, 16_000), (3.0, 8_000)]):
        wave = np.random.default_rng(number).normal(0, 0.1, round(seconds * rate))
        paths.append(folder / f"{number}.wav")
        soundfile.write(paths[-1], wave, rate)
    return paths


def effects(recordings):
    return {
        "invented rooms": Reverberation(SimulatedRooms(), 0.5),
        "recorded rooms": Reverberation(RecordedRooms(recordings[:1]), 0.5),
        "colored noise": Noise(ColoredNoise(), 0.5),
        "recorded noise": Noise(RecordedNoise(recordings), 0.5),
        "babble": Babble(0.5, talkers=(1, 9)),
        "channel": Channel(0.5),
        "codec": Coding(0.5),
        "rawboost": RawBoost(0.5, algorithm=4),
    }


NAMES = [
    "invented rooms",
    "recorded rooms",
    "colored noise",
    "recorded noise",
    "babble",
    "channel",
    "codec",
    "rawboost",
]


def batch(count=40):
    generator = np.random.default_rng(0)
    return [generator.normal(0, 0.1, 3_000 + 50 * i).astype(np.float32) for i in range(count)]


@pytest.mark.parametrize("name", NAMES)
def test_an_effect_is_a_function_of_its_generator(name, recordings):
    effect, waves = effects(recordings)[name], batch()
    before = [wave.copy() for wave in waves]
    first, again, other = (effect(waves, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(waves, before, strict=True))
    assert [w.shape for w in first] == [w.shape for w in waves] and {w.dtype for w in first} == {np.dtype("float32")}
    changed = sum(not np.array_equal(a, b) for a, b in zip(first, waves, strict=True))
    assert 10 <= changed <= 30  # of 40 at one half
    assert all(np.isfinite(wave).all() for wave in first)


@pytest.mark.parametrize("name", ["colored noise", "recorded noise", "babble"])
def test_noise_stays_within_its_range(name, recordings):
    effect = effects(recordings)[name]
    effect = type(effect)(**{**vars(effect), "probability": 1.0, "snr": (3.0, 9.0)})
    waves = batch()
    ratios = [
        10 * np.log10(power(dry) / power(wet - dry))
        for dry, wet in zip(waves, effect(waves, np.random.default_rng(0)), strict=True)
    ]
    assert 2.99 < min(ratios) < 4.5 and 7.5 < max(ratios) < 9.01


def test_a_channel_lets_through_what_it_should():
    telephone = Channel(1.0, depth=(0.0, 0.0), low=(300.0, 300.0), high=(3_400.0, 3_400.0))
    white = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    (heard,) = telephone([white], np.random.default_rng(1))
    spectrum = np.abs(np.fft.rfft(heard)) ** 2
    hertz = np.fft.rfftfreq(len(heard), 1 / 16_000)
    inside = spectrum[(hertz > 500) & (hertz < 3_200)]
    assert spectrum[(hertz < 100) | (hertz > 3_700)].mean() < 1e-3 * inside.mean()
    assert power(heard) == pytest.approx(power(white), rel=1e-3)
    half = len(inside) // 2
    assert inside[:half].mean() == pytest.approx(inside[half:].mean(), rel=0.1)  # flat, as no depth was asked for
    deep = Channel(1.0, depth=(12.0, 12.0), low=(0.0, 0.0), high=(8_000.0, 8_000.0))
    levels = []
    for seed in range(20):
        spectrum = np.abs(np.fft.rfft(deep([white], np.random.default_rng(seed))[0])) ** 2
        levels.append(10 * np.log10(spectrum[np.abs(hertz - 1_000) < 100].mean() / spectrum[hertz > 500].mean()))
    assert np.std(levels) > 3


def test_babble_needs_others():
    wave = batch(1)
    assert np.array_equal(Babble(1.0)(wave, np.random.default_rng(0))[0], wave[0])
    two = batch(2)
    noise = Babble(1.0)(two, np.random.default_rng(0))[0] - two[0]
    repeated = np.resize(two[1], 6_050)
    similarity = np.correlate(repeated, noise, "valid") / np.sqrt(power(two[1]) * power(noise)) / len(noise)
    assert similarity.max() > 0.95  # it is the other one, from somewhere


def test_recordings_are_checked_at_once(recordings, tmp_path):
    for source in (RecordedNoise, RecordedRooms):
        with pytest.raises(DataError, match="no files"):
            source([])
        with pytest.raises(AudioError, match="no such file"):
            source([*recordings, tmp_path / "none.wav"])


def test_recorded_noise_comes_from_all_over_the_files(recordings):
    source = RecordedNoise(recordings[1:2])
    whole = soundfile.read(recordings[1], dtype="float32")[0]
    starts = []
    for seed in range(30):
        piece = source(1_600, np.random.default_rng(seed))
        match = np.correlate(whole, piece, "valid")
        starts.append(int(match.argmax()))
        assert np.array_equal(whole[starts[-1] : starts[-1] + 1_600], piece)
    assert min(starts) < 8_000 and max(starts) > 38_000

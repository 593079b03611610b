"""Noise by kind, several recordings at once, and one effect out of several: as often and as loud as asked."""

from collections import Counter

import numpy as np
import pytest
import soundfile

from sottovoce.data.audio.acoustics import power
from sottovoce.data.batches.effects import Effect, OneEffect
from sottovoce.errors import RecipeError
from sottovoce.recipe.training.augmentation import Augmentation, effects

LENGTH = 16_000


@pytest.fixture(scope="module")
def musan(tmp_path_factory):
    """Eight recordings of speech, two of noise, below a folder that is itself called noise."""
    folder = tmp_path_factory.mktemp("noise") / "noise"
    for number in range(10):
        path = folder / ("speech/us" if number < 8 else "noise") / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.random.default_rng(number).normal(0, 0.05, 3 * LENGTH), 16_000)
    return f"{folder}/**/*.wav"


def ratios(options, count=400):
    """Signal-to-noise ratios of many utterances that were augmented with these options."""
    (effect,) = effects([Augmentation.model_validate({"noise": {"probability": 1.0, **options}})])
    generator = np.random.default_rng(0)
    waves = [generator.normal(0, 0.1, LENGTH).astype(np.float32)] * count
    return [10 * np.log10(power(waves[0]) / power(wet - waves[0])) for wet in effect(waves, generator)]


@pytest.mark.parametrize("drawn, share", [("kind", 0.5), ("file", 0.8)])
def test_kinds_have_ranges_of_their_own(musan, drawn, share):
    kinds = {"noise": {"snr": [0, 4]}, "speech": {"snr": [14, 20]}}
    found = np.array(ratios({"files": musan, "kinds": kinds, "drawn": drawn}))
    noise, speech = found[found < 9], found[found > 9]
    assert len(speech) / len(found) == pytest.approx(share, abs=0.07)
    assert -0.01 < noise.min() < 0.5 and 3.5 < noise.max() < 4.01
    assert 13.99 < speech.min() < 14.5 and 19.5 < speech.max() < 20.01


def test_several_talkers_at_once(musan):
    """Each at its own ratio, so that four of them are 6 dB louder (ESPnet); or all together at one."""
    kinds = {"speech": {"snr": [20, 20], "at_once": [4, 7]}}
    pattern = musan.replace("**/*", "speech/us/*")
    with pytest.raises(RecipeError, match="lies in no folder called speech"):
        ratios({"files": pattern, "kinds": kinds})
    pattern = musan.replace("**/*", "s*/**/*")
    found = np.array(ratios({"files": pattern, "kinds": kinds}))
    counts = Counter(np.round(10 ** ((20 - found) / 10)).astype(int).tolist())
    assert set(counts) <= set(range(3, 11)) and sum(counts[k] for k in (4, 5, 6, 7)) > 300
    assert np.mean(10 ** ((20 - found) / 10)) == pytest.approx(5.5, abs=0.8)  # two of the same file add up to more
    kinds["speech"]["snr_of"] = "sum"
    assert ratios({"files": pattern, "kinds": kinds}, 20) == pytest.approx([20] * 20, abs=0.01)


def test_kinds_are_as_likely_as_asked_and_of_the_channel_that_is_named(musan):
    kinds = {"noise": {"snr": [0, 4]}, "speech": {"snr": [14, 20]}}
    options = {"files": musan, "kinds": kinds, "probability": 0.25, "channel": "mix"}
    (effect,) = effects([Augmentation.model_validate({"noise": options})])
    assert [kind.source.channel for kind in effect.kinds] == ["mix", "mix"]
    waves = [np.full(800, 0.1, np.float32)] * 400
    changed = sum(not np.array_equal(wet, waves[0]) for wet in effect(waves, np.random.default_rng(0)))
    assert changed / 400 == pytest.approx(0.25, abs=0.07)


class Plus(Effect):
    def __init__(self, amount):
        self.amount, self.probability = amount, 0.0

    def apply(self, waves, place, generator):
        return waves[place] + np.float32(self.amount)


def test_one_of_several_or_none():
    effect = OneEffect([Plus(1), Plus(2)], 2 / 3)
    waves = [np.full(3, k, dtype=np.float32) for k in range(3000)]
    counts = Counter(
        float(after[0] - before[0])
        for before, after in zip(waves, effect(waves, np.random.default_rng(0)), strict=True)
    )
    assert set(counts) == {0.0, 1.0, 2.0} and all(count == pytest.approx(1000, abs=90) for count in counts.values())


def test_one_of_noise_and_reverberation():
    one_of = {"probability": 0.5, "effects": ["noise", {"reverberation": {}}]}
    (effect,) = effects([Augmentation.model_validate({"one_of": one_of})])
    assert effect.probability == 0.5 and [type(each).__name__ for each in effect.effects] == ["Noise", "Reverberation"]


@pytest.mark.parametrize(
    "options, told",
    [
        ({"one_of": {"effects": ["noise"]}}, "at least 2"),
        (
            {"one_of": {"effects": ["noise", {"babble": {"probability": 1}}]}},
            r"effects\[1\].babble.probability: the choice",
        ),
        ({"one_of": {"effects": ["noise", "time_mask"]}}, "time_mask"),
        ({"noise": {"kinds": {"speech": {"snr": [0, 5]}}}}, "give their files"),
        ({"noise": {"files": "x", "snr": [0, 1], "kinds": {"speech": {"snr": [0, 5]}}}}, "a range of its own"),
        ({"noise": {"drawn": "file"}}, "which of the kinds"),
        ({"noise": {"files": "x", "kinds": {"speech": {"snr": [0, 5], "at_once": [7, 4]}}}}, "a range rises"),
        ({"noise": {"files": "x", "kinds": {"speech": {}}}}, "snr"),
    ],
)
def test_options_that_do_not_go_together(options, told):
    with pytest.raises(ValueError, match=told):
        Augmentation.model_validate(options)


def test_a_kind_without_files(musan):
    kinds = {"noise": {"snr": [0, 4]}, "speech": {"snr": [14, 20]}, "music": {"snr": [5, 15]}}
    with pytest.raises(RecipeError, match="no file of .* lies in a folder called 'music'"):
        ratios({"files": musan, "kinds": kinds})

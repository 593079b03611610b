"""Speech from text: each utterance a function of its request, and every failure named."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from sottovoce.data.synthesis.speech import espeak
from sottovoce.data.synthesis.speech.espeak import ESPEAK_RATE, Utterance, require_espeak, speak
from sottovoce.errors import DataError

needs_espeak = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="needs espeakng-loader (the extra 'demo')"
)

REQUESTS = [
    Utterance("the captain opened our old bridge", accent, variant, pitch=40 + 5 * number)
    for number, (accent, variant) in enumerate(
        [("en-us", "f3"), ("de", "klatt4"), ("it", "m7"), ("en-gb-scotland", "Alicia"), ("fr", "edward")]
    )
]


@needs_espeak
def test_what_was_said_before_changes_nothing():
    there = list(speak(REQUESTS))
    back = list(speak(REQUESTS[::-1]))[::-1]
    alone = [next(speak([request])) for request in REQUESTS]
    for one, two, three in zip(there, back, alone, strict=True):
        assert one.dtype == np.float32 and 1.5 < len(one) / ESPEAK_RATE < 4 and 0.05 < np.abs(one).max() <= 1
        assert np.array_equal(one, two) and np.array_equal(one, three)


@needs_espeak
def test_every_trait_is_heard():
    request = REQUESTS[0]
    changed = [
        request,
        replace(request, text="the baker opened our old bridge"),
        replace(request, accent="de"),
        replace(request, variant="m3"),
        replace(request, pitch=70),
        replace(request, range=90),
        replace(request, rate=220),
    ]
    waves = list(speak(changed))
    for place, one in enumerate(waves):
        for other in waves[:place]:
            assert len(one) != len(other) or not np.array_equal(one, other)
    assert len(waves[-1]) < 0.9 * len(waves[0])


@needs_espeak
@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Utterance("hello", accent="elvish"), "espeak-ng has no accent 'elvish'"),
        (Utterance("hello", variant="nobody"), "no voice variant 'nobody'"),
        (Utterance("  "), "nothing to say"),
    ],
)
def test_a_failure_names_its_request(request_, message):
    with pytest.raises(DataError, match=message):
        list(speak([REQUESTS[0], request_]))


@needs_espeak
def test_what_came_before_a_failure_is_still_good():
    waves = speak([REQUESTS[0], Utterance("hello", accent="elvish")])
    assert np.array_equal(next(waves), next(speak(REQUESTS[:1])))
    with pytest.raises(DataError, match=r"failed on Utterance\(text='hello', accent='elvish'"):
        next(waves)


@needs_espeak
def test_a_long_path_to_the_data(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 200)
    long.mkdir()
    (long / "wheel").symlink_to(require_espeak())
    monkeypatch.setattr(espeak, "require_espeak", lambda: long / "wheel")
    assert np.array_equal(next(speak(REQUESTS[:1])), next(iter(speak(REQUESTS[:1]))))


@needs_espeak
def test_a_library_that_cannot_be_loaded(tmp_path, monkeypatch):
    (tmp_path / "espeak-ng-data").symlink_to(require_espeak() / "espeak-ng-data")
    monkeypatch.setattr(espeak, "require_espeak", lambda: tmp_path)
    with pytest.raises(DataError, match="has no libespeak-ng"):
        next(speak(REQUESTS[:1]))
    (tmp_path / "libespeak-ng.so").write_bytes(b"not a library")
    with pytest.raises(DataError, match="espeak-ng failed on .*libespeak-ng.so"):
        next(speak(REQUESTS[:1]))


def test_without_the_wheel_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install 'sottovoce\[demo\]'"):
        next(speak(REQUESTS[:1]))

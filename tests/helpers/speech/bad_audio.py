"""Audio that is wrong in every way that users have found, for every command that listens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

Maker = Callable[[Path], Path]
RATE = 16_000


def _noise(seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate))


def _written(place: Path, name: str, samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> Path:
    soundfile.write(place / name, samples, rate, subtype=subtype)
    return place / name


def missing(place: Path) -> Path:
    return place / "missing.wav"


def empty(place: Path) -> Path:
    (place / "empty.wav").touch()
    return place / "empty.wav"


def no_audio(place: Path) -> Path:
    (place / "words.wav").write_text("these are words\n" * 100)
    return place / "words.wav"


def truncated(place: Path) -> Path:
    path = _written(place, "cut.wav", _noise(1.0))
    path.write_bytes(path.read_bytes()[:9_000])
    return path


def _cut_in_two(place: Path, name: str, **kind: str) -> Path:
    path = place / name
    soundfile.write(path, _noise(3.0), RATE, **kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def truncated_flac(place: Path) -> Path:
    return _cut_in_two(place, "cut.flac")


def truncated_opus(place: Path) -> Path:
    return _cut_in_two(place, "cut.opus", format="OGG", subtype="OPUS")


def garbled_flac(place: Path) -> Path:
    """What a disk or network lost is in the middle: the header and the end are in order."""
    path = place / "garbled.flac"
    soundfile.write(path, _noise(3.0), RATE)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + bytes(400) + content[half + 400 :])
    return path


def stereo(place: Path) -> Path:
    return _written(place, "stereo.wav", np.stack([_noise(1.0), _noise(1.0)], axis=1))


def not_a_number(place: Path) -> Path:
    samples = _noise(1.0)
    samples[8_000] = np.nan
    return _written(place, "nan.wav", samples, subtype="FLOAT")


def three_samples(place: Path) -> Path:
    return _written(place, "three.wav", _noise(3 / RATE))


def ten_milliseconds(place: Path) -> Path:
    return _written(place, "click.wav", _noise(0.01))


def no_samples(place: Path) -> Path:
    return _written(place, "none.wav", np.zeros(0))


def silence(place: Path) -> Path:
    return _written(place, "silence.wav", np.zeros(RATE))


def clipped(place: Path) -> Path:
    """Not a fault: loud."""
    return _written(place, "clipped.wav", np.clip(30 * _noise(1.5), -1.0, 1.0))


def other_rate(place: Path) -> Path:
    """Not a fault: resampled."""
    return _written(place, "8k.wav", _noise(1.5, 8_000), rate=8_000)


FAULTS: list[Maker] = [
    missing,
    empty,
    no_audio,
    truncated,
    truncated_flac,
    truncated_opus,
    garbled_flac,
    stereo,
    not_a_number,
    three_samples,
    ten_milliseconds,
    no_samples,
]

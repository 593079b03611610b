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


def stereo(place: Path) -> Path:
    return _written(place, "stereo.wav", np.stack([_noise(1.0), _noise(1.0)], axis=1))


def not_a_number(place: Path) -> Path:
    samples = _noise(1.0)
    samples[8_000] = np.nan
    return _written(place, "nan.wav", samples, subtype="FLOAT")


def three_samples(place: Path) -> Path:
    return _written(place, "three.wav", _noise(3 / RATE))


def no_samples(place: Path) -> Path:
    return _written(place, "none.wav", np.zeros(0))


def silence(place: Path) -> Path:
    return _written(place, "silence.wav", np.zeros(RATE))


def other_rate(place: Path) -> Path:
    """Not a fault: resampled."""
    return _written(place, "8k.wav", _noise(1.5, 8_000), rate=8_000)


FAULTS: list[Maker] = [missing, empty, no_audio, truncated, stereo, not_a_number, three_samples, no_samples]

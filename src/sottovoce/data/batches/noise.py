"""Noise that is added to training audio: synthetic, recorded, recordings of several kinds, and other voices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ...errors import DataError
from ...quantities import SAMPLE_RATE
from ..audio.acoustics import Wave, babble, colored_noise, crop, mix
from ..audio.channels import Channel as FileChannel
from ..audio.reading import audio_shape, read_audio
from .effects import Effect

Range = tuple[float, float]


@dataclass(frozen=True)
class ColoredNoise:
    """A source of synthetic noise: `colored_noise` with uniformly drawn slopes."""

    slope: tuple[float, float] = (0.0, 6.0)

    def __call__(self, length: int, generator: np.random.Generator) -> Wave:
        return colored_noise(length, generator.uniform(*self.slope), generator)


class RecordedNoise:
    """A source of recorded noise: a random stretch of a random file.

    Args:
        paths: audio files. Only the stretch that is needed is read; a shorter file is repeated.
        channel: the channel to use of files with several, or ``"mix"``.

    Raises:
        DataError: there are no files.
        AudioError: a file is missing or not audio.
    """

    def __init__(self, paths: Sequence[str | Path], channel: FileChannel | None = None) -> None:
        self.paths, self.channel = recordings(paths), channel
        self.seconds = [samples / rate for samples, rate, _ in map(audio_shape, self.paths)]

    def __call__(self, length: int, generator: np.random.Generator) -> Wave:
        chosen = int(generator.integers(len(self.paths)))
        needed = (length + 1) / SAMPLE_RATE
        start = generator.uniform(0, max(0.0, self.seconds[chosen] - needed))
        stretch = read_audio(self.paths[chosen], channel=self.channel, start=start, duration=needed)
        return crop(stretch.numpy(), length, generator)


def recordings(paths: Sequence[str | Path]) -> list[Path]:
    """The paths of recordings; raises `DataError` if there are none."""
    if not paths:
        raise DataError("recorded noise or rooms: no files; name at least one, or remove this source")
    return [Path(path) for path in paths]


@dataclass(frozen=True)
class Noise(Effect):
    """Adds noise.

    Args:
        source: source of noise: `ColoredNoise` or `RecordedNoise`.
        probability: probability for each waveform.
        snr: range of the signal-to-noise ratio in decibels.
    """

    source: Callable[[int, np.random.Generator], Wave]
    probability: float = 0.5
    snr: tuple[float, float] = (5.0, 20.0)

    def apply(self, waves: Sequence[Wave], place: int, generator: np.random.Generator) -> Wave:
        wave = waves[place]
        return mix(wave, self.source(len(wave), generator), generator.uniform(*self.snr))


@dataclass(frozen=True)
class NoiseKind:
    """Recordings of one kind, such as music, and how they are added.

    Args:
        source: source of the recordings.
        snr: range of the signal-to-noise ratio in decibels.
        at_once: range of the number of recordings that are added (both ends included).
        snr_of: what has the ratio: ``each`` recording a drawn one of its own (ESPnet), or their ``sum``, in which all have
            the same power (babble).
    """

    source: RecordedNoise
    snr: Range
    at_once: tuple[int, int] = (1, 1)
    snr_of: Literal["each", "sum"] = "each"

    def add(self, wave: Wave, generator: np.random.Generator) -> Wave:
        """The waveform with recordings of this kind."""
        count = int(generator.integers(self.at_once[0], self.at_once[1] + 1))
        stretches = [self.source(len(wave), generator) for _ in range(count)]
        if self.snr_of == "sum":
            return mix(wave, babble(stretches, len(wave), generator), generator.uniform(*self.snr))
        noisy = wave
        for stretch in stretches:
            noisy = noisy + (mix(wave, stretch, generator.uniform(*self.snr)) - wave)
        return noisy


@dataclass(frozen=True)
class KindsOfNoise(Effect):
    """Adds recordings of one kind out of several.

    Args:
        kinds: the kinds.
        probability: probability for each waveform.
        drawn: whether every ``kind`` is equally likely (ESPnet), or every ``file``, so that a kind is as likely as it has
            files (WeDefense).
    """

    kinds: Sequence[NoiseKind]
    probability: float = 0.5
    drawn: Literal["kind", "file"] = "kind"

    def apply(self, waves: Sequence[Wave], place: int, generator: np.random.Generator) -> Wave:
        sizes = np.array([len(kind.source.paths) if self.drawn == "file" else 1 for kind in self.kinds])
        chosen = int(np.searchsorted(sizes.cumsum(), generator.integers(sizes.sum()), side="right"))
        return self.kinds[chosen].add(waves[place], generator)


@dataclass(frozen=True)
class Babble(Effect):
    """Adds several other voices of the same batch.

    Args:
        probability: probability for each waveform.
        talkers: range of the number of other voices (both ends included), limited by the batch.
        snr: range of the signal-to-noise ratio in decibels.
    """

    probability: float = 0.25
    talkers: tuple[int, int] = (3, 7)
    snr: tuple[float, float] = (10.0, 20.0)

    def apply(self, waves: Sequence[Wave], place: int, generator: np.random.Generator) -> Wave:
        count = int(generator.integers(self.talkers[0], self.talkers[1] + 1))
        others = generator.permutation(np.delete(np.arange(len(waves)), place))[:count].tolist()
        noise = babble([waves[i] for i in others], len(waves[place]), generator)
        return mix(waves[place], noise, generator.uniform(*self.snr))

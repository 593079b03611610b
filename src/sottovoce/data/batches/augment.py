"""Data augmentation: rooms, microphones and lines, noise, and babble.

Each class is an effect, or a source of noise or impulse responses for one. An effect is called with the waveforms of a batch
and a random generator. It has no state: the same generator gives the same audio. Several effects are applied in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ...errors import DataError
from ...quantities import SAMPLE_RATE
from ..audio.acoustics import (
    Wave,
    babble,
    channel_response,
    colored_noise,
    crop,
    mix,
    reverberate,
    room_response,
)
from ..audio.channels import Channel as FileChannel
from ..audio.reading import audio_shape, read_audio

Effect: TypeAlias = Callable[[Sequence[Wave], np.random.Generator], list[Wave]]
"""``effect(waves, generator) -> waves``; it returns as many waveforms, of the same lengths."""


@dataclass(frozen=True)
class SimulatedRooms:
    """A source of simulated impulse responses: `room_response` with uniformly drawn reverberation times and ratios."""

    t60: tuple[float, float] = (0.15, 0.7)
    ratio: tuple[float, float] = (-2.0, 10.0)

    def __call__(self, generator: np.random.Generator) -> Wave:
        return room_response(generator.uniform(*self.t60), generator.uniform(*self.ratio), generator)


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
        self.paths, self.channel = _files(paths), channel
        self.seconds = [samples / rate for samples, rate, _ in map(audio_shape, self.paths)]

    def __call__(self, length: int, generator: np.random.Generator) -> Wave:
        chosen = int(generator.integers(len(self.paths)))
        needed = (length + 1) / SAMPLE_RATE
        start = generator.uniform(0, max(0.0, self.seconds[chosen] - needed))
        stretch = read_audio(self.paths[chosen], channel=self.channel, start=start, duration=needed)
        return crop(stretch.numpy(), length, generator)


class RecordedRooms:
    """A source of recorded impulse responses: each is a random file.

    Arguments and errors are those of `RecordedNoise`.
    """

    def __init__(self, paths: Sequence[str | Path], channel: FileChannel | None = None) -> None:
        self.paths, self.channel = _files(paths), channel
        for path in self.paths:
            audio_shape(path)

    def __call__(self, generator: np.random.Generator) -> Wave:
        return read_audio(self.paths[int(generator.integers(len(self.paths)))], channel=self.channel).numpy()


def _files(paths: Sequence[str | Path]) -> list[Path]:
    if not paths:
        raise DataError("recorded noise or rooms: no files; name at least one, or remove this source")
    return [Path(path) for path in paths]


@dataclass(frozen=True)
class Reverberation:
    """Adds reverberation.

    Args:
        rooms: source of impulse responses: `SimulatedRooms` or `RecordedRooms`.
        probability: probability for each waveform.
    """

    rooms: Callable[[np.random.Generator], Wave]
    probability: float = 0.5

    def __call__(self, waves: Sequence[Wave], generator: np.random.Generator) -> list[Wave]:
        chosen = generator.random(len(waves)) < self.probability
        return [reverberate(w, self.rooms(generator)) if c else w for w, c in zip(waves, chosen, strict=True)]


@dataclass(frozen=True)
class Channel:
    """Filters waveforms as microphones and lines do: a `channel_response` with uniformly drawn parameters.

    Args:
        probability: probability for each waveform.
        depth: range of the standard deviation of the gain over frequency, in decibels.
        low, high: ranges of the lowest and highest frequency that passes, in hertz; about 300 and 3,400 for a telephone.
    """

    probability: float = 0.5
    depth: tuple[float, float] = (0.0, 6.0)
    low: tuple[float, float] = (0.0, 400.0)
    high: tuple[float, float] = (3_000.0, 8_000.0)

    def __call__(self, waves: Sequence[Wave], generator: np.random.Generator) -> list[Wave]:
        chosen = generator.random(len(waves)) < self.probability
        return [reverberate(w, self._response(generator)) if c else w for w, c in zip(waves, chosen, strict=True)]

    def _response(self, generator: np.random.Generator) -> Wave:
        depth, low, high = (generator.uniform(*each) for each in (self.depth, self.low, self.high))
        return channel_response(depth, generator, low=low, high=high)


@dataclass(frozen=True)
class Noise:
    """Adds noise.

    Args:
        source: source of noise: `ColoredNoise` or `RecordedNoise`.
        probability: probability for each waveform.
        snr: range of the signal-to-noise ratio in decibels.
    """

    source: Callable[[int, np.random.Generator], Wave]
    probability: float = 0.5
    snr: tuple[float, float] = (5.0, 20.0)

    def __call__(self, waves: Sequence[Wave], generator: np.random.Generator) -> list[Wave]:
        chosen = generator.random(len(waves)) < self.probability
        return [
            mix(w, self.source(len(w), generator), generator.uniform(*self.snr)) if c else w
            for w, c in zip(waves, chosen, strict=True)
        ]


@dataclass(frozen=True)
class Babble:
    """Adds several other voices of the same batch.

    Args:
        probability: probability for each waveform.
        talkers: range of the number of other voices (both ends included), limited by the batch.
        snr: range of the signal-to-noise ratio in decibels.
    """

    probability: float = 0.25
    talkers: tuple[int, int] = (3, 7)
    snr: tuple[float, float] = (10.0, 20.0)

    def __call__(self, waves: Sequence[Wave], generator: np.random.Generator) -> list[Wave]:
        chosen = generator.random(len(waves)) < self.probability
        result = list(waves)
        for place in np.flatnonzero(chosen).tolist():
            count = int(generator.integers(self.talkers[0], self.talkers[1] + 1))
            others = generator.permutation(np.delete(np.arange(len(waves)), place))[:count].tolist()
            noise = babble([waves[i] for i in others], len(waves[place]), generator)
            result[place] = mix(waves[place], noise, generator.uniform(*self.snr))
        return result

"""Data augmentation: rooms, microphones and lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..audio.acoustics import Wave, channel_response, reverberate, room_response
from ..audio.channels import Channel as FileChannel
from ..audio.reading import audio_shape, read_audio
from .effects import Effect
from .noise import recordings


@dataclass(frozen=True)
class SimulatedRooms:
    """A source of simulated impulse responses: `room_response` with uniformly drawn reverberation times and ratios."""

    t60: tuple[float, float] = (0.15, 0.7)
    ratio: tuple[float, float] = (-2.0, 10.0)

    def __call__(self, generator: np.random.Generator) -> Wave:
        return room_response(generator.uniform(*self.t60), generator.uniform(*self.ratio), generator)


class RecordedRooms:
    """A source of recorded impulse responses: each is a random file.

    Arguments and errors are those of `RecordedNoise`.
    """

    def __init__(self, paths: Sequence[str | Path], channel: FileChannel | None = None) -> None:
        self.paths, self.channel = recordings(paths), channel
        for path in self.paths:
            audio_shape(path)

    def __call__(self, generator: np.random.Generator) -> Wave:
        return read_audio(self.paths[int(generator.integers(len(self.paths)))], channel=self.channel).numpy()


@dataclass(frozen=True)
class Reverberation(Effect):
    """Adds reverberation.

    Args:
        rooms: source of impulse responses: `SimulatedRooms` or `RecordedRooms`.
        probability: probability for each waveform.
    """

    rooms: Callable[[np.random.Generator], Wave]
    probability: float = 0.5

    def apply(self, waves: Sequence[Wave], place: int, generator: np.random.Generator) -> Wave:
        return reverberate(waves[place], self.rooms(generator))


@dataclass(frozen=True)
class Channel(Effect):
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

    def apply(self, waves: Sequence[Wave], place: int, generator: np.random.Generator) -> Wave:
        return reverberate(waves[place], self._response(generator))

    def _response(self, generator: np.random.Generator) -> Wave:
        depth, low, high = (generator.uniform(*each) for each in (self.depth, self.low, self.high))
        return channel_response(depth, generator, low=low, high=high)

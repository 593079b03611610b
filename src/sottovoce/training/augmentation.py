"""The augment section of a recipe: effects on training audio, in order."""

from __future__ import annotations

from collections.abc import Sequence
from glob import glob
from typing import Annotated, Literal

from pydantic import Field

from ..data.augment import (
    Babble,
    Channel,
    ColouredNoise,
    Effect,
    InventedRooms,
    Noise,
    RecordedNoise,
    RecordedRooms,
    Reverberation,
)
from ..data.codecs import CODECS, Coding
from ..data.rawboost import PARALLEL, RawBoost
from ..encoder.errors import RecipeError
from ..tasks.options import Options, one_of

Probability = Annotated[float, Field(ge=0, le=1)]
Hertz = Annotated[float, Field(ge=0, le=8_000)]


class ReverberationOptions(Options):
    """Rooms: recorded impulse responses (a pattern of files), or invented ones."""

    probability: Probability = 0.5
    files: str | None = None

    def build(self) -> Effect:
        rooms = InventedRooms() if self.files is None else RecordedRooms(_found(self.files))
        return Reverberation(rooms, self.probability)


class ChannelOptions(Options):
    """Invented microphones and lines; the defaults go from telephones to studios."""

    probability: Probability = 0.5
    depth: tuple[float, float] = (0.0, 6.0)
    low: tuple[Hertz, Hertz] = (0.0, 400.0)
    high: tuple[Hertz, Hertz] = (3_000.0, 8_000.0)

    def build(self) -> Effect:
        return Channel(self.probability, self.depth, self.low, self.high)


class NoiseOptions(Options):
    """Noise: recorded (a pattern of files), or invented."""

    probability: Probability = 0.5
    snr: tuple[float, float] = (5.0, 20.0)
    files: str | None = None

    def build(self) -> Effect:
        source = ColouredNoise() if self.files is None else RecordedNoise(_found(self.files))
        return Noise(source, self.probability, self.snr)


class BabbleOptions(Options):
    """Other speech of the same batch."""

    probability: Probability = 0.25
    talkers: tuple[int, int] = (3, 7)
    snr: tuple[float, float] = (10.0, 20.0)

    def build(self) -> Effect:
        return Babble(self.probability, self.talkers, self.snr)


class CodecOptions(Options):
    """Real codecs, see `Coding`."""

    probability: Probability = 0.5
    codecs: list[Literal[tuple(CODECS)]] = Field(list(CODECS), min_length=1)  # type: ignore[valid-type]

    def build(self) -> Effect:
        return Coding(self.probability, self.codecs)


class RawBoostOptions(Options):
    """Noise of lines and converters, see `RawBoost`."""

    probability: Probability = 1.0
    algorithm: int = Field(5, ge=1, le=PARALLEL)

    def build(self) -> Effect:
        return RawBoost(self.probability, self.algorithm)


Augmentation = one_of(
    "Augmentation",
    {
        "reverberation": ReverberationOptions,
        "channel": ChannelOptions,
        "noise": NoiseOptions,
        "babble": BabbleOptions,
        "codec": CodecOptions,
        "rawboost": RawBoostOptions,
    },
)


def effects(chosen: Sequence[Augmentation]) -> list[Effect]:  # type: ignore[valid-type]
    """The effects of a section, in order."""
    return [each.options.build() for each in chosen]  # type: ignore[attr-defined]


def _found(pattern: str) -> list[str]:
    if not (files := sorted(glob(pattern, recursive=True))):
        raise RecipeError(f"data.augment: no file matches {pattern!r}")
    return files

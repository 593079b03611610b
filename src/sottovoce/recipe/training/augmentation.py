"""The augment section of a recipe: effects on training audio, in order, and masks on the features of the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from ...data.audio.channels import Channel as HeardChannel
from ...data.batches.codecs import CODECS, Coding
from ...data.batches.effects import Effect, OneEffect
from ...data.batches.noise import Babble
from ...data.batches.rawboost import PARALLEL, RawBoost
from ...data.batches.rooms import Channel, RecordedRooms, Reverberation, SimulatedRooms
from ...options import OneOf, Options, one_of
from ...training.masking import FrequencyMask, Mask, TimeMask
from .noise_options import NoiseOptions, Probability, found_files

Hertz = Annotated[float, Field(ge=0, le=8_000)]
Talkers = Annotated[int, Field(ge=1, le=1_000)]


class ReverberationOptions(Options):
    """Reverberation with recorded impulse responses (a pattern of files), or with simulated ones."""

    probability: Probability = 0.5
    files: str | None = None
    channel: HeardChannel | None = Field(None, description="of files with several, from 0; mix for the mean of all")

    def build(self) -> Effect:
        rooms = SimulatedRooms() if self.files is None else RecordedRooms(found_files(self.files), self.channel)
        return Reverberation(rooms, self.probability)


class ChannelOptions(Options):
    """Simulated microphones and lines; the defaults range from telephones to studios."""

    probability: Probability = 0.5
    depth: tuple[float, float] = (0.0, 6.0)
    low: tuple[Hertz, Hertz] = (0.0, 400.0)
    high: tuple[Hertz, Hertz] = (3_000.0, 8_000.0)

    def build(self) -> Effect:
        return Channel(self.probability, self.depth, self.low, self.high)


class BabbleOptions(Options):
    """Babble noise made from other utterances of the same batch."""

    probability: Probability = 0.25
    talkers: tuple[Talkers, Talkers] = (3, 7)
    snr: tuple[float, float] = (10.0, 20.0)

    def build(self) -> Effect:
        return Babble(self.probability, self.talkers, self.snr)


class TimeMaskOptions(Options):
    """Masks on time spans of the encoder's features, see `TimeMask`."""

    count: int = Field(2, ge=0, le=1_000, description="of each utterance")
    per_second: float = Field(0.0, ge=0, le=1_000, description="and so many more for each second of it")
    longest: float = Field(0.5, gt=0, description="seconds")
    share: float = Field(0.2, gt=0, le=1, description="of the utterance, at most, for each")

    def build(self) -> Mask:
        return TimeMask(**self.model_dump())


class FrequencyMaskOptions(Options):
    """Masks on frequency bands of the encoder's features, see `FrequencyMask`."""

    count: int = Field(2, ge=0, le=1_000, description="of each utterance")
    widest: float = Field(0.33, gt=0, le=1, description="share of all bands")

    def build(self) -> Mask:
        return FrequencyMask(**self.model_dump())


MaskOptions: TypeAlias = TimeMaskOptions | FrequencyMaskOptions


class CodecOptions(Options):
    """Real codecs, see `Coding`."""

    probability: Probability = 0.5
    codecs: list[Literal[tuple(CODECS)]] = Field(list(CODECS), min_length=1)  # type: ignore[valid-type]

    def build(self) -> Effect:
        return Coding(self.probability, self.codecs)


class RawBoostOptions(Options):
    """Distortions and noise of lines and converters, see `RawBoost`."""

    probability: Probability = 1.0
    algorithm: int = Field(5, ge=1, le=PARALLEL)

    def build(self) -> Effect:
        return RawBoost(self.probability, self.algorithm)


EffectOptions: TypeAlias = (
    ReverberationOptions | ChannelOptions | NoiseOptions | BabbleOptions | CodecOptions | RawBoostOptions
)
EFFECTS: dict[str, type] = {
    "reverberation": ReverberationOptions,
    "channel": ChannelOptions,
    "noise": NoiseOptions,
    "babble": BabbleOptions,
    "codec": CodecOptions,
    "rawboost": RawBoostOptions,
}


@one_of(EFFECTS)
class SingleEffect(OneOf[EffectOptions]):
    """One effect on the training audio."""


class OneEffectOptions(Options):
    """One of several effects for each utterance, each as likely as the others, or none; see `OneEffect`.

    Args:
        probability: probability of any of them.
        effects: the effects, without probabilities of their own.
    """

    probability: Probability = 1.0
    effects: list[SingleEffect] = Field(min_length=2)

    @model_validator(mode="after")
    def _one_probability(self) -> OneEffectOptions:
        for k, each in enumerate(self.effects):
            options = each.options
            if options.probability != type(options).model_fields["probability"].default:
                raise ValueError(f"effects[{k}].{each.kind}.probability: the choice has the probability; leave it out")
        return self

    def build(self) -> Effect:
        return OneEffect([each.options.build() for each in self.effects], self.probability)


@one_of({**EFFECTS, "one_of": OneEffectOptions, "time_mask": TimeMaskOptions, "frequency_mask": FrequencyMaskOptions})
class Augmentation(OneOf[EffectOptions | OneEffectOptions | MaskOptions]):
    """One effect on the training audio, one out of several, or one mask."""


def effects(chosen: Sequence[Augmentation]) -> list[Effect]:
    """The effects on audio in a section, in order."""
    return [each.options.build() for each in chosen if not isinstance(each.options, MaskOptions)]


def masks(chosen: Sequence[Augmentation]) -> list[Mask]:
    """The masks in a section, in order."""
    return [each.options.build() for each in chosen if isinstance(each.options, MaskOptions)]

"""Invented speakers for synthetic speech: voice variant, accent, vocal tract length, pitch, intonation and rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ....errors import DataError
from .espeak import Utterance

Sex = Literal["f", "m"]

VARIANTS: dict[Sex, str] = {
    "f": "f1 f2 f3 f4 f5 Alicia Andrea Annie anika aunty belinda grandma linda shelby steph steph2 steph3",
    "m": (
        "m1 m2 m3 m4 m5 m6 m7 m8 Alex Andy Denis Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco Mario Michael "
        "Mike Nguyen Reed Storm adam antonio benjamin boris caleb david ed edward edward2 grandpa gustave ian "
        "iven iven2 iven3 john kaukovalta klatt klatt2 klatt3 klatt4 marcelo max michel miguel mike2 norbert "
        "pablo paul pedro quincy rob robert sandro travis victor"
    ),
}
"""Voice variants of espeak-ng that sound human (without robots, whispers and demons)."""

NATIVE = ("en-us", "en-gb-x-rp", "en-gb-scotland", "en-029", "en-us-nyc", "en-gb-x-gbclan", "en-gb-x-gbcwmd")
"""Languages of espeak-ng that read English as it is spelled."""

ACCENTS = (
    *NATIVE,
    *("de", "nl", "sv", "es", "it", "fr", "pl", "da", "nb", "fi", "cs", "ro", "hu", "pt", "el", "ca"),
)
"""Languages of espeak-ng that read English text with their own sounds and rhythm, and foreign ones also by their own
spelling rules."""

SPLITS = ("train", "test", "dev")
"""The splits of a corpus, in the order in which their voices are drawn: the voices of a split do not depend on later splits."""


@dataclass(frozen=True)
class Voice:
    """A speaker.

    Attributes:
        name: the speaker's label.
        sex: sex of the voice variant.
        variant: voice variant of espeak-ng.
        accent: language of espeak-ng.
        tract: factor on all formants of the variant; below 1 for a longer vocal tract.
        pitch, range, rate: as in `Utterance`.
    """

    name: str
    sex: Sex
    variant: str
    accent: str
    tract: float
    pitch: int
    range: int
    rate: int

    def utterance(self, text: str, generator: np.random.Generator) -> Utterance:
        """A text spoken by this speaker, with slightly varied pitch, intonation and rate."""
        return Utterance(
            text,
            self.accent,
            self.variant,
            pitch=int(np.clip(self.pitch + generator.normal(0, 6), 0, 99)),
            range=int(np.clip(self.range + generator.normal(0, 10), 0, 99)),
            # Formants are shifted by resampling, which also changes the rate; this is compensated here.
            rate=round(np.clip(self.rate + generator.normal(0, 8), 110, 230) / self.tract),
        )

    def distance(self, other: Voice) -> float:
        """The distance of two voices by their parameters, typically about 1 for voices of the same sex."""
        differences = (
            (self.tract - other.tract) / 0.06,
            (self.pitch - other.pitch) / 14,
            (self.range - other.range) / 16,
            (self.rate - other.rate) / 20,
            2.0 * (self.variant != other.variant),
            2.0 * (self.accent != other.accent),
            6.0 * (self.sex != other.sex),
        )
        return float(np.sqrt(np.mean(np.square(differences))))


def draw_voices(
    counts: Mapping[str, int], generator: np.random.Generator, accents: Sequence[str] = ACCENTS
) -> dict[str, list[Voice]]:
    """Random speakers for each split, half of them of each sex; no voice variant is in two splits.

    Where a split has more speakers than variants, several speakers share a variant and differ in the other parameters.

    Args:
        counts: split (of `SPLITS`) -> number of speakers; a split may be left out, or have none.
        generator: draws the speakers.
        accents: the accents to draw from.

    Raises:
        DataError: a split has exactly one speaker.
    """
    for split, count in counts.items():
        if count == 1:
            raise DataError(f"synthetic speakers: {split} needs 2 or more (one of each sex), or none; got 1")
    pools: dict[Sex, dict[str, list[str]]] = {}
    for sex, names in VARIANTS.items():
        shuffled = [str(name) for name in generator.permutation(names.split())]
        test = len(shuffled) // 3
        dev = test + (len(shuffled) // 6 if counts.get("dev") else 0)
        pools[sex] = {"test": shuffled[:test], "dev": shuffled[test:dev], "train": shuffled[dev:]}
    voices = {}
    for split in SPLITS:
        if count := counts.get(split, 0):
            of_sex = {sex: _cycle(pools[sex][split], sex, split, generator, accents) for sex in VARIANTS}
            voices[split] = [next(of_sex["f" if place % 2 == 0 else "m"]) for place in range(count)]
    return voices


def _cycle(
    variants: list[str], sex: Sex, split: str, generator: np.random.Generator, accents: Sequence[str]
) -> Iterator[Voice]:
    number = 0
    while True:
        for variant in variants:
            yield Voice(
                name=f"{split}-{sex}{number:03d}",
                sex=sex,
                variant=variant,
                accent=accents[int(generator.integers(len(accents)))],
                tract=round(float(generator.uniform(0.9, 1.1)), 3),
                pitch=int(generator.integers(25, 76)),
                range=int(generator.integers(25, 81)),
                rate=int(generator.integers(145, 206)),
            )
            number += 1

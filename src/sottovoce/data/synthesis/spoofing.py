"""Synthetic recordings as bona fide speech, and resynthesized recordings as spoofs."""

from __future__ import annotations

import numpy as np
from pydantic import Field, field_validator, model_validator

from ...text.suggestions import did_you_mean
from ..audio.acoustics import Wave
from .base import SPLIT_KEYS
from .resynthesis import ATTACKS, resynthesize
from .speech.sentences import sentence
from .utterances import PlannedUtterance, Prompt, UtteranceSynthesis, balanced_choice

SEEN = ("griffin_lim", "lpc", "phase_noise", "splice", "folded")
"""Attacks that are in all splits."""

UNSEEN = ("mel_griffin_lim", "cepstral", "pitch_shift", "sinusoidal")
"""Attacks that only the test split has."""


class SpoofingSynthesis(UtteranceSynthesis):
    """Bona fide recordings in rooms, and recordings of the same kind that were resynthesized.

    espeak-ng is itself a synthesizer, so bona fide only means that a recording is not processed after the microphone, and
    models learn to detect vocoders. Every sentence is used once, so that spoofs have no bona fide original. ``label`` is
    ``bonafide`` or ``spoof``, and ``attack`` is the name of the method of a spoofed recording.

    Attributes:
        utterances: number of utterances of each speaker, bona fide and spoofed together.
        spoofed: number of spoofed recordings for each bona fide one.
        attacks: methods (keys of `ATTACKS`) that are used in all splits.
        held_out: further methods that are used in the test split only.
    """

    speakers_train: int = Field(24, ge=2)
    speakers_dev: int = Field(8, ge=0)
    speakers_test: int = Field(12, ge=2)
    utterances: int = Field(9, ge=3)
    spoofed: int = Field(2, ge=1)
    attacks: tuple[str, ...] = Field(SEEN, min_length=1)
    held_out: tuple[str, ...] = UNSEEN

    @field_validator("attacks", "held_out")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if name not in ATTACKS]:
            raise ValueError(f"there is no attack {unknown[0]!r}; {did_you_mean(unknown[0], ATTACKS)}")
        return value

    @model_validator(mode="after")
    def _apart(self) -> SpoofingSynthesis:
        if len({*self.attacks, *self.held_out}) < len(self.attacks) + len(self.held_out):
            raise ValueError("an attack is named twice in attacks and held_out")
        return self

    def say(self, place: int, generator: np.random.Generator, key: tuple[int, int]) -> Prompt:
        text, kinds = sentence(generator), self.spoofed + 1
        kind = balanced_choice(kinds, place, *key, 7)
        if kind == self.spoofed:
            return Prompt(text, {"label": "bonafide"})
        known = self.attacks + (self.held_out if key[1] == SPLIT_KEYS["test"] else ())
        attack = known[balanced_choice(len(known), place // kinds * self.spoofed + kind, *key, 8)]
        return Prompt(text, {"label": "spoof", "attack": attack})

    def process(self, planned: PlannedUtterance, wave: Wave) -> Wave:
        attack = planned.prompt.custom.get("attack")
        return wave if attack is None else resynthesize(wave, str(attack), np.random.default_rng([*planned.key, 5]))

"""Synthetic commands with intents and slots."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from .base import Scene
from .speech.commands import INTENTS, command
from .utterances import Prompt, UtteranceSynthesis, balanced_choice


class IntentSynthesis(UtteranceSynthesis):
    """Commands with native accents, labeled as in SLURP: ``intent`` (``<scenario>_<action>``), ``scenario``, ``action``
    and ``slots``. Every intent is equally frequent, so that a split with enough utterances has
    all of them."""

    speakers_train: int = Field(40, ge=2)
    speakers_dev: int = Field(8, ge=0)
    speakers_test: int = Field(8, ge=2)
    utterances: int = Field(12, ge=3)
    scene: Scene = "dry"

    def say(self, place: int, generator: np.random.Generator, key: tuple[int, int]) -> Prompt:
        spoken = command(generator, list(INTENTS)[balanced_choice(len(INTENTS), place, *key, 6)])
        return Prompt(spoken.text, spoken.labels())

"""Synthetic utterances with transcripts, in several styles of speech."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import Field, field_validator

from .base import Scene
from .speech.commands import command
from .speech.sentences import digits, question, sentence
from .utterances import Prompt, UtteranceSynthesis

Style: TypeAlias = Literal["sentence", "question", "command", "digits"]

STYLES: dict[Style, Callable[[np.random.Generator], str]] = {
    "sentence": sentence,
    "question": question,
    "command": lambda generator: command(generator).text,
    "digits": digits,
}
"""Style -> the function that draws a text."""


class RecognitionSynthesis(UtteranceSynthesis):
    """Transcribed speech with native accents; ``style`` is kept as a field.

    Attributes:
        styles: ``sentence`` and ``question`` (made up from some 200 words), ``command`` (as in a corpus for intents) and
            ``digits`` (3 to 7 digits). A small network can learn a single style in minutes.
    """

    speakers_train: int = Field(40, ge=2)
    speakers_dev: int = Field(8, ge=0)
    speakers_test: int = Field(8, ge=2)
    utterances: int = Field(12, ge=3)
    scene: Scene = "dry"
    styles: Annotated[tuple[Style, ...], Field(min_length=1)] = ("sentence", "question", "command", "digits")

    @field_validator("styles")
    @classmethod
    def _once(cls, value: tuple[Style, ...]) -> tuple[Style, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a style is named twice")
        return value

    def say(self, place: int, generator: np.random.Generator, key: tuple[int, int]) -> Prompt:
        style = self.styles[generator.integers(len(self.styles))]
        return Prompt(STYLES[style](generator), {"style": style})

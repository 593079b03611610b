"""What a synthetic corpus is: options, and how its files are written."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

import soundfile
from pydantic import ConfigDict, Field

from ...options.bounds import SEEDS, Bounded
from ...quantities import SAMPLE_RATE
from ..audio.acoustics import Wave
from .speech.voices import SPLITS

FileDone: TypeAlias = Callable[[], None]
"""Called after each file of audio."""

Scene: TypeAlias = Literal["rooms", "dry"]
"""``rooms``: reverberant, noisy, through microphones and telephones; ``dry``: close to a good microphone."""

SPLIT_KEYS = {"train": 1, "test": 2, "dev": 4}
"""Random numbers of a split are drawn from (seed, its key, ...); 3 and 5 are those of trials."""


class Synthesis(Bounded, ABC):
    """The options of a corpus for one task; `write` makes it. A task is one subclass, and one line in `SYNTHESES`.

    Attributes:
        seed: of everything: the same options give the same bytes.
        speakers_train, speakers_dev, speakers_test: speakers of each side, half of each sex; none is on two sides, and
            neither is a voice variant of espeak-ng. A side without speakers is not made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    FORMAT: ClassVar[int] = 1
    """Version of how it is made: corpora of another version are not taken for the same."""

    seed: int = Field(0, ge=0, le=SEEDS)
    speakers_train: int = Field(ge=2)
    speakers_dev: int = Field(ge=0)
    speakers_test: int = Field(ge=2)

    def speakers(self) -> dict[str, int]:
        """Number of speakers of each split that there is."""
        counts = {"train": self.speakers_train, "test": self.speakers_test, "dev": self.speakers_dev}
        return {split: counts[split] for split in SPLITS if counts[split]}

    @abstractmethod
    def total(self) -> int:
        """Number of files of audio that will be written."""

    @abstractmethod
    def write(self, folder: Path, told: FileDone) -> None:
        """Write ``<split>.jsonl.gz`` for each split, the audio, and what else belongs to the task.

        Args:
            folder: empty.
            told: called after each file of audio.

        Raises:
            DataError: espeak-ng is missing, or fails.
            OSError: the folder cannot be written.
        """


def write_wave(folder: Path, name: str, wave: Wave) -> None:
    """``<folder>/<name>``, 16 bit."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()  # soundfile itself would wait for the disk after each file
    soundfile.write(file, wave, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    path.write_bytes(file.getvalue())

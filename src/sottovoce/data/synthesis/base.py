"""The base of synthetic corpora: their options, and how their files are written."""

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
"""Called after each audio file that was written."""

Scene: TypeAlias = Literal["rooms", "dry"]
"""``rooms``: reverberant and noisy, through microphones and telephones; ``dry``: close to a good microphone."""

SPLIT_KEYS = {"train": 1, "test": 2, "dev": 4}
"""Random numbers of a split are seeded by (seed, key of the split, ...). The keys 3 and 5 are used for trials."""


class Synthesis(Bounded, ABC):
    """The options of a synthetic corpus for one task, and the method that writes it.

    Attributes:
        seed: seed of all random numbers; the same options give the same bytes.
        speakers_train, speakers_dev, speakers_test: number of speakers in each split, half of them of each sex. No
            speaker and no voice variant of espeak-ng is in two splits. A split without speakers is not written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    FORMAT: ClassVar[int] = 1
    """Version of the synthesis. A corpus of another version is not reused."""

    seed: int = Field(0, ge=0, le=SEEDS)
    speakers_train: int = Field(ge=2)
    speakers_dev: int = Field(ge=0)
    speakers_test: int = Field(ge=2)

    def speakers(self) -> dict[str, int]:
        """Number of speakers of each split that has any."""
        counts = {"train": self.speakers_train, "test": self.speakers_test, "dev": self.speakers_dev}
        return {split: counts[split] for split in SPLITS if counts[split]}

    @abstractmethod
    def total(self) -> int:
        """Number of audio files that will be written."""

    @abstractmethod
    def write(self, folder: Path, file_done: FileDone) -> None:
        """Write ``<split>.jsonl.gz`` for each split, the audio, and the other files of the task.

        Args:
            folder: an empty folder.
            file_done: called after each audio file.

        Raises:
            DataError: espeak-ng is missing, or fails.
            OSError: the folder cannot be written.
        """


def write_wave(folder: Path, name: str, wave: Wave) -> None:
    """Write ``<folder>/<name>`` as 16-bit WAV."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()  # in memory first: soundfile would flush each file to the disk, which is slow
    soundfile.write(file, wave, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    path.write_bytes(file.getvalue())

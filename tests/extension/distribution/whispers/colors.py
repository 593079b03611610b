"""A synthetic corpus for the task of this package: noise of two colors stands for two accents."""

from pathlib import Path

import numpy as np
from pydantic import Field

from sottovoce.data.corpora.cuts import make_cut, write_cuts
from sottovoce.data.synthesis.base import SPLIT_KEYS, FileDone, Synthesis, write_wave
from sottovoce.quantities import SAMPLE_RATE


class ColorSynthesis(Synthesis):
    """One utterance of noise for each speaker; every second speaker has a low accent.

    Attributes:
        seconds: length of an utterance.
    """

    speakers_train: int = Field(4, ge=2)
    speakers_dev: int = Field(0, ge=0)
    speakers_test: int = Field(2, ge=2)
    seconds: float = Field(0.25, gt=0)

    def total(self) -> int:
        return sum(self.speakers().values())

    def write(self, folder: Path, file_done: FileDone) -> None:
        for split, count in self.speakers().items():
            cuts = []
            for number in range(count):
                noise = np.random.default_rng([self.seed, SPLIT_KEYS[split], number]).normal(
                    size=round(self.seconds * SAMPLE_RATE)
                )
                wave = 0.1 * (noise if number % 2 else np.convolve(noise, np.ones(16) / 4, "same")).astype(np.float32)
                name = f"{split}-{number}.wav"
                write_wave(folder, name, wave)
                accent = {"accent": ("low", "high")[number % 2]}
                cut = make_cut(
                    name=name,
                    source=name,
                    samples=len(wave),
                    rate=SAMPLE_RATE,
                    speaker=f"{split} {number}",
                    custom=accent,
                )
                cuts.append(cut)
                file_done()
            write_cuts(cuts, folder / f"{split}.jsonl.gz")

"""Synthetic corpora for speaker verification, with trials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from ...metrics.detection.trials import Trials
from .speech.sentences import sentence
from .utterances import PlannedUtterance, Prompt, UtteranceSynthesis

TRIAL_FILES = {"test": "trials.txt", "dev": "trials_dev.txt"}
"""File name of the trials of each split."""

_KEYS = {"test": 3, "dev": 5}
_TARGETS, _NEAREST = 40, 3


class VerificationSynthesis(UtteranceSynthesis):
    """Utterances of 2 to 5 seconds, and trials: for each test speaker up to 40 target pairs from different sessions and
    sentences, as many pairs with any other speaker, and as many with one of the three nearest speakers of the same sex."""

    native: ClassVar[bool] = False

    speakers_train: int = Field(80, ge=2)
    speakers_dev: int = Field(0, ge=0)
    speakers_test: int = Field(40, ge=2)
    utterances: int = Field(12, ge=3)

    def say(self, place: int, generator: np.random.Generator, key: tuple[int, int]) -> Prompt:
        return Prompt(sentence(generator))

    def add(self, folder: Path, split: str, script: Sequence[PlannedUtterance]) -> None:
        if split in TRIAL_FILES:
            make_trials(script, np.random.default_rng([self.seed, _KEYS[split]])).save(folder / TRIAL_FILES[split])


def make_trials(script: Sequence[PlannedUtterance], generator: np.random.Generator) -> Trials:
    """The trials of one split; see `VerificationSynthesis`."""
    by_speaker: dict[str, list[PlannedUtterance]] = {}
    for planned in script:
        by_speaker.setdefault(planned.voice.name, []).append(planned)
    voices = {name: own[0].voice for name, own in by_speaker.items()}
    pairs: dict[tuple[str, str], bool] = {}

    def differ(a: PlannedUtterance, b: PlannedUtterance) -> bool:
        return a.prompt.text != b.prompt.text

    def add(a: PlannedUtterance, b: PlannedUtterance, *, target: bool) -> bool:
        if (a.name, b.name) in pairs or (b.name, a.name) in pairs:
            return False
        pairs[a.name, b.name] = target
        return True

    for name, own in by_speaker.items():
        same = [(a, b) for a in own for b in own if a.name < b.name and a.session != b.session and differ(a, b)]
        chosen = generator.permutation(len(same))[:_TARGETS].tolist()
        for index in chosen:
            add(*same[index], target=True)
        anyone = [other for other in voices if other != name]
        of_sex = [other for other in anyone if voices[other].sex == voices[name].sex] or anyone
        nearest = sorted(of_sex, key=lambda other: voices[name].distance(voices[other]))[:_NEAREST]
        for strangers in (anyone, nearest):
            found = tries = 0
            while found < len(chosen) and tries < 20 * len(chosen):
                other = by_speaker[strangers[generator.integers(len(strangers))]]
                a, b = own[generator.integers(len(own))], other[generator.integers(len(other))]
                found += differ(a, b) and add(a, b, target=False)
                tries += 1
    left, right = zip(*pairs, strict=True)
    return Trials(list(left), list(right), np.array(list(pairs.values())))

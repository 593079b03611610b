"""What every effect on the audio of a batch has in common, and one effect out of several.

An effect is called with the waveforms of a batch and a random generator. It has no state: the same generator gives the same
audio. Several effects are applied in order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..audio.acoustics import Wave


class Effect(ABC):
    """``effect(waves, generator) -> waves``: as many waveforms, of the same lengths; some of them changed."""

    probability: float
    """Probability for each waveform."""

    def __call__(self, waves: Sequence[Wave], generator: np.random.Generator) -> list[Wave]:
        chosen = generator.random(len(waves)) < self.probability
        return [self.apply(waves, k, generator) if c else waves[k] for k, c in enumerate(chosen.tolist())]

    @abstractmethod
    def apply(self, waves: Sequence[Wave], place: int, generator: np.random.Generator) -> Wave:
        """The effect on one waveform of a batch, whatever the probability is.

        Args:
            waves: the waveforms of the batch, as they were before the effect.
            place: index of the one.
            generator: draws all parameters.
        """


@dataclass(frozen=True)
class OneEffect(Effect):
    """One of several effects, each as likely as the others; with the rest of the probability, none.

    With noise and reverberation at 2/3, each of none, noise and reverberation has a third (w2v-BERT-2.0_SV); at 0.8 they are
    WeDefense's and wespeaker's.

    Args:
        effects: the effects, whose own probabilities do not count.
        probability: probability of any of them, for each waveform.
    """

    effects: Sequence[Effect]
    probability: float = 1.0

    def apply(self, waves: Sequence[Wave], place: int, generator: np.random.Generator) -> Wave:
        return self.effects[int(generator.integers(len(self.effects)))].apply(waves, place, generator)

"""RawBoost augmentation (Tak et al. 2022, arXiv 2111.04433): the noise of lines, converters and microphones.

Three parts, each a pure function of a waveform and a generator, with the paper's constants as defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from ...errors import DataError
from ...quantities import SAMPLE_RATE
from ..audio.acoustics import Wave, mix
from .effects import Effect

Range: TypeAlias = tuple[float, float]
Part: TypeAlias = Callable[[Wave, np.random.Generator], Wave]


def notch_filter(
    generator: np.random.Generator,
    *,
    gain: Range = (0.0, 0.0),
    bands: int = 5,
    center: Range = (20.0, 8_000.0),
    width: Range = (100.0, 1_000.0),
    taps: tuple[int, int] = (10, 100),
) -> Wave:
    """A linear-phase filter that removes a few random bands; it has an odd number of taps.

    Args:
        generator: draws all parameters.
        gain: range of the maximum gain of the filter, in decibels.
        bands: number of bands that are removed.
        center, width: ranges of the center and width of each band, in hertz.
        taps: range of the number of taps of the filter for each band.
    """
    filters: NDArray[np.float64] = np.ones(1)
    for _ in range(bands):
        middle, half = generator.uniform(*center), generator.uniform(*width) / 2
        size = int(generator.integers(taps[0], taps[1])) | 1
        edges = np.clip([middle - half, middle + half], 1e-3, SAMPLE_RATE / 2 - 1e-3)
        if edges[0] < edges[1]:
            filters = np.convolve(filters, scipy.signal.firwin(size, edges, window="hamming", fs=SAMPLE_RATE))
    most = np.abs(scipy.signal.freqz(filters)[1]).max()
    return (filters * 10 ** (generator.uniform(*gain) / 20) / most).astype(np.float32)


def convolutive(wave: Wave, generator: np.random.Generator, *, powers: int = 5, bias: Range = (5.0, 20.0)) -> Wave:
    """Linear and non-linear convolutive noise: powers of the waveform, each through a `notch_filter` of its own.

    Args:
        wave: ``[S]``.
        generator: draws the filters.
        powers: highest power: 1 is the linear part alone, 5 adds harmonics up to the fifth.
        bias: range of the attenuation of the higher powers, in decibels.
    """
    total = _filtered(wave, notch_filter(generator))
    for power in range(2, powers + 1):
        total += _filtered(wave**power, notch_filter(generator, gain=(-bias[1], -bias[0])))
    return _unclipped(total - total.mean())


def impulsive(wave: Wave, generator: np.random.Generator, *, share: float = 0.1, gain: float = 2.0) -> Wave:
    """Impulsive noise that depends on the signal: a random multiple of itself is added to each of some samples.

    Args:
        wave: ``[S]``.
        generator: draws the samples and their factors.
        share: maximum fraction of samples that are changed; the fraction is drawn uniformly between 0 and it.
        gain: maximum absolute value of the multiple.
    """
    count = int(len(wave) * generator.uniform(0, share))
    places = generator.permutation(len(wave))[:count]
    factors = generator.uniform(-1, 1, count) * generator.uniform(-1, 1, count)
    noisy = wave.copy()
    noisy[places] *= (1 + gain * factors).astype(np.float32)
    return _unclipped(noisy)


def stationary(wave: Wave, generator: np.random.Generator, *, snr: Range = (10.0, 40.0)) -> Wave:
    """Stationary noise that does not depend on the signal: white, through a `notch_filter`.

    Args:
        wave: ``[S]``.
        generator: draws the noise.
        snr: range of the signal-to-noise ratio in decibels.
    """
    noise = _filtered(generator.standard_normal(len(wave), dtype=np.float32), notch_filter(generator))
    return mix(wave, noise, generator.uniform(*snr))


PARTS: dict[int, tuple[Part, ...]] = {
    1: (convolutive,),
    2: (impulsive,),
    3: (stationary,),
    4: (convolutive, impulsive, stationary),
    5: (convolutive, impulsive),
    6: (convolutive, stationary),
    7: (impulsive, stationary),
}
"""The paper's algorithms that apply their parts one after another."""

PARALLEL = 8
"""The algorithm that applies the first two parts in parallel and adds the results."""


@dataclass(frozen=True)
class RawBoost(Effect):
    """Applies one of the paper's eight algorithms.

    Args:
        probability: probability for each waveform.
        algorithm: 1 convolutive, 2 impulsive, 3 stationary noise; 4 all three, 5 the first two, 6 first and third, 7
            second and third, one after another; 8 the first two side by side. The authors use 5 for telephone speech
            (ASVspoof 2021 LA) and 3 for compressed speech (DF).

    Raises:
        DataError: the algorithm is not one of 1 to 8.
    """

    probability: float = 1.0
    algorithm: int = 5

    def __post_init__(self) -> None:
        if self.algorithm not in {*PARTS, PARALLEL}:
            raise DataError(f"rawboost: algorithm {self.algorithm}; there are 1 to {PARALLEL}")

    def apply(self, waves: Sequence[Wave], place: int, generator: np.random.Generator) -> Wave:
        wave = waves[place]
        if self.algorithm == PARALLEL:
            return _unclipped(convolutive(wave, generator) + impulsive(wave, generator))
        for part in PARTS[self.algorithm]:
            wave = part(wave, generator)
        return wave


def _filtered(wave: Wave, taps: Wave) -> Wave:
    """Apply a linear-phase filter and remove its delay."""
    start = len(taps) // 2
    return np.asarray(scipy.signal.convolve(wave, taps)[start : start + len(wave)], dtype=np.float32)


def _unclipped(wave: Wave) -> Wave:
    """Scale the waveform down to full scale if it exceeds it."""
    peak = np.abs(wave).max(initial=0.0)
    return wave / peak if peak > 1 else wave

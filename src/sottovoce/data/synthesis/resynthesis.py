"""Speech that is analyzed and resynthesized, as by vocoders, voice conversion and splicing: attacks to detect.

Each method takes a waveform ``[S]`` (float32, 16 kHz) and a random generator, and returns a waveform of the same length and
words. Source-filter methods share one estimate of the pitch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import scipy.linalg
import scipy.ndimage
import scipy.signal
import soxr
import torch
from numpy.typing import NDArray

from ...quantities import SAMPLE_RATE
from ..audio.acoustics import Wave, colored_noise, power

Attack: TypeAlias = Callable[[Wave, np.random.Generator], Wave]

_FFT, _HOP = 512, 128
_ROUNDS, _MOMENTUM = 16, 0.9
_WINDOW = torch.hann_window(_FFT)


def _stft(wave: Wave) -> NDArray[np.complex64]:
    """The STFT ``[257, T]``, with four frames for each sample."""
    spectrum = torch.stft(torch.from_numpy(wave), _FFT, _HOP, window=_WINDOW, return_complex=True)
    return np.asarray(spectrum.numpy(), np.complex64)


def _istft(spectrum: NDArray[np.complex64], length: int) -> Wave:
    spectrum = np.ascontiguousarray(spectrum, np.complex64)
    wave = torch.istft(torch.from_numpy(spectrum), _FFT, _HOP, window=_WINDOW, length=length)
    return np.asarray(wave.numpy(), np.float32)


def _phases(shape: tuple[int, ...], width: float, generator: np.random.Generator) -> NDArray[np.complex64]:
    return np.asarray(np.exp(1j * width * generator.uniform(-1, 1, shape)), np.complex64)


def _invert(magnitude: NDArray[np.float32], length: int, generator: np.random.Generator) -> Wave:
    """The waveform of a magnitude spectrogram, from random phases, by fast Griffin-Lim (1984; Perraudin et al. 2013)."""
    guess = np.asarray(magnitude * _phases(magnitude.shape, np.pi, generator), np.complex64)
    before: NDArray[np.complex64] = np.zeros_like(guess)
    for _ in range(_ROUNDS):
        found = _stft(_istft(guess, length))
        ahead = found + np.complex64(_MOMENTUM) * (found - before)
        guess, before = np.asarray(magnitude * ahead / np.maximum(np.abs(ahead), 1e-9), np.complex64), found
    return _istft(guess, length)


def griffin_lim(wave: Wave, generator: np.random.Generator) -> Wave:
    """Griffin-Lim: the phases are discarded and estimated again from the magnitudes."""
    return _invert(np.abs(_stft(wave)), len(wave), generator)


def mel_griffin_lim(wave: Wave, generator: np.random.Generator) -> Wave:
    """Only 64 mel bands are kept, as between a text-to-speech network and its vocoder; then Griffin-Lim."""
    bank = _mel_bank(64)
    mel = bank @ np.abs(_stft(wave)) ** 2
    guess = np.maximum(np.linalg.pinv(bank) @ mel, 0)
    return _invert(np.sqrt(guess).astype(np.float32), len(wave), generator)


def _mel_bank(bands: int) -> NDArray[np.float64]:
    """Triangular filters ``[bands, 257]`` at equal distances in mel."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), bands + 2) / 2595) - 1)
    hertz = np.linspace(0, SAMPLE_RATE / 2, _FFT // 2 + 1)
    rising = (hertz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hertz) / np.diff(edges)[1:, None]
    return np.maximum(np.minimum(rising, falling), 0)


def phase_noise(wave: Wave, generator: np.random.Generator) -> Wave:
    """The phases are disturbed and the magnitudes kept, which sounds rough, as from a poor vocoder."""
    spectrum = _stft(wave)
    return _istft(spectrum * _phases(spectrum.shape, 0.8 * np.pi, generator), len(wave))


def lpc(wave: Wave, generator: np.random.Generator, order: int = 20) -> Wave:
    """Linear prediction (Atal and Hanauer 1971): pulses or noise through an all-pole filter, frame by frame."""
    source = _excitation(wave, generator)
    lead, window = _FFT // 2, np.hanning(_FFT + 1)[:-1]
    padded, padded_source = (np.pad(each, (_FFT + lead, _FFT)) for each in (wave, source))
    out = np.zeros(len(padded))
    for start in range(lead, len(padded) - _FFT + 1, _FFT // 2):  # windows overlap by half, and add up to 1
        spectrum = np.fft.rfft(padded[start : start + _FFT] * window, 2 * _FFT)
        lags = np.fft.irfft(np.abs(spectrum) ** 2)[: order + 1]
        lags[0] = lags[0] * 1.0001 + 1e-9
        taps = np.concatenate([[1.0], -scipy.linalg.solve_toeplitz(lags[:-1], lags[1:])])
        gain = np.sqrt(max(float(taps @ lags), 0.0) / np.sum(window**2))
        made = scipy.signal.lfilter([gain], taps, padded_source[start - lead : start + _FFT])
        out[start : start + _FFT] += made[lead:] * window
    return out[_FFT + lead : _FFT + lead + len(wave)].astype(np.float32)


def cepstral(wave: Wave, generator: np.random.Generator, order: int = 30) -> Wave:
    """Homomorphic vocoder (Oppenheim 1969): a smooth minimum-phase envelope over pulses or noise."""
    cepstrum = np.fft.irfft(np.log(np.abs(_stft(wave)) + 1e-5), axis=0)
    folded = np.zeros_like(cepstrum)
    folded[0], folded[1:order] = cepstrum[0], 2 * cepstrum[1:order]
    envelope = np.exp(np.fft.rfft(folded, axis=0))
    source = _stft(_excitation(wave, generator))
    return _istft((envelope * source / np.sqrt(_FFT)).astype(np.complex64), len(wave))


def _excitation(wave: Wave, generator: np.random.Generator) -> Wave:
    """Pulses at the pitch in voiced frames, noise in the others; power about 1."""
    voiced, pitch = _pitch(wave)
    frame = np.minimum(np.arange(len(wave)) // _HOP, len(pitch) - 1)
    cycles = np.floor(np.cumsum(pitch[frame] / SAMPLE_RATE))
    pulses = np.diff(cycles, prepend=0.0) * np.sqrt(SAMPLE_RATE / pitch[frame])
    noise = generator.standard_normal(len(wave))
    return np.where(voiced[frame], pulses + 0.1 * noise, noise).astype(np.float32)


def _pitch(wave: Wave) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each hop is voiced, and its pitch in hertz (60 to 400), by autocorrelation."""
    size, shortest, longest = 1024, SAMPLE_RATE // 400, SAMPLE_RATE // 60
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(wave, size // 2), size)[::_HOP] * np.hanning(size)
    spectrum = np.fft.rfft(frames, 2 * size)
    lags = np.fft.irfft(np.abs(spectrum) ** 2)[:, : longest + 1]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(size), 2 * size)) ** 2)[: longest + 1]
    normalized = lags / np.maximum(lags[:, :1], 1e-9) / (window / window[0])
    best = shortest + normalized[:, shortest:].argmax(1)
    loud = lags[:, 0] > 1e-3 * lags[:, 0].max()
    voiced = (np.take_along_axis(normalized, best[:, None], 1)[:, 0] > 0.45) & loud
    return voiced, SAMPLE_RATE / scipy.ndimage.median_filter(best.astype(np.float64), 5)


def sinusoidal(wave: Wave, generator: np.random.Generator) -> Wave:
    """Only the peaks of each spectrum are kept (McAulay and Quatieri 1986): speech as a sum of few sinusoids."""
    spectrum = _stft(wave)
    size = np.abs(spectrum)
    around = np.pad(size, ((1, 1), (0, 0)))
    peak = (size >= around[:-2]) & (size >= around[2:])
    weakest = -np.sort(-np.where(peak, size, 0), axis=0)[20]  # at most 20 peaks in a frame
    return _istft(np.where(peak & (size > weakest), spectrum, 0), len(wave))


def splice(wave: Wave, generator: np.random.Generator) -> Wave:
    """Each unit of 60 ms is replaced by the most similar unit from elsewhere in the recording (unit selection)."""
    unit, fade = 960, 160
    span = unit + fade
    starts = np.arange(0, max(len(wave) - span, 1), unit // 4)
    features = np.stack([_log_spectrum(wave[start : start + span]) for start in starts])
    ramp = np.concatenate([np.linspace(0, 1, fade), np.ones(unit - fade), np.linspace(1, 0, fade)])
    out = np.zeros(len(wave) + span)
    for place in range(0, len(wave), unit):
        distance = np.square(features - _log_spectrum(wave[place : place + span])).sum(1)
        distance[np.abs(starts - place) < 2 * unit] += 1e9
        piece = wave[starts[distance.argmin()] :][:span]
        out[place : place + len(piece)] += piece * ramp[: len(piece)]
    return out[: len(wave)].astype(np.float32)


def _log_spectrum(piece: Wave) -> NDArray[np.float64]:
    """The log spectrum ``[129]`` of at most 2048 samples: every eighth bin."""
    return np.log(np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 2048))[::8] + 1e-3)


def pitch_shift(wave: Wave, generator: np.random.Generator) -> Wave:
    """Stretched in time by overlapping similar pieces (WSOLA, Verhelst and Roelands 1993), then played faster or slower:
    another voice at the same tempo."""
    factor = float(generator.choice([generator.uniform(0.82, 0.9), generator.uniform(1.1, 1.2)]))
    length, size = round(len(wave) * factor), 640
    hop, reach, window = size // 2, 160, np.hanning(size)
    padded = np.pad(wave, (reach, size + hop + 2 * reach))
    out, previous = np.zeros(length + size), reach
    for place in range(0, length, hop):
        wanted = round(place / factor) + reach
        natural = padded[previous + hop : previous + hop + size]  # the natural continuation of the previous piece
        near = np.correlate(padded[wanted - reach : wanted + reach + size], natural, "valid")
        previous = wanted if place == 0 else wanted - reach + int(near.argmax())
        previous = min(previous, len(padded) - size - hop)
        out[place : place + size] += padded[previous : previous + size] * window
    shifted = soxr.resample(out[:length].astype(np.float32), factor, 1.0)
    return np.pad(shifted, (0, max(0, len(wave) - len(shifted))))[: len(wave)]


def folded(wave: Wave, generator: np.random.Generator) -> Wave:
    """Band-limited to 4 kHz; the band above is filled with a mirror image of the band below, as a crude extension."""
    low = scipy.signal.resample_poly(wave, 1, 2).astype(np.float32)
    mirrored = np.zeros(2 * len(low), np.float32)
    mirrored[::2] = low
    high = scipy.signal.sosfilt(scipy.signal.butter(6, 4_000, "high", fs=SAMPLE_RATE, output="sos"), mirrored)
    plain = scipy.signal.resample_poly(low, 2, 1)
    return (plain + 0.6 * high)[: len(wave)].astype(np.float32)


ATTACKS: dict[str, Attack] = {
    each.__name__: each
    for each in (
        griffin_lim,
        lpc,
        phase_noise,
        splice,
        folded,
        mel_griffin_lim,
        cepstral,
        pitch_shift,
        sinusoidal,
    )
}
"""Every method by its name."""


def resynthesize(wave: Wave, attack: str, generator: np.random.Generator) -> Wave:
    """A recording resynthesized by a method, with the same length and power, and not above full scale.

    Args:
        wave: ``[S]`` float32 at 16 kHz, at least one frame (25 ms).
        attack: a key of `ATTACKS`.
        generator: draws the random numbers of the method.
    """
    # Methods divide by the power, so noise at -120 dB of full scale is added in case of digital silence.
    made = ATTACKS[attack](wave + 1e-6 * colored_noise(len(wave), 0.0, generator), generator)
    level = power(made)
    made = made * np.float32(np.sqrt(power(wave) / level)) if level > 0 else made
    return (made * np.float32(min(1.0, 0.99 / max(np.abs(made).max(), 1e-9)))).astype(np.float32)

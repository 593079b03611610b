"""Effects of rooms, microphones and background speakers on a waveform.

All functions are pure: random numbers come from the ``generator`` argument. Waveforms are ``[S]`` float32 at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...quantities import SAMPLE_RATE

Wave: TypeAlias = NDArray[np.float32]


def crop(wave: Wave, length: int, generator: np.random.Generator) -> Wave:
    """A random stretch of ``length`` samples; a shorter waveform is repeated from a random start."""
    return wrapped_stretch(wave, crop_start(len(wave), length, generator), length)


def crop_start(size: int, length: int, generator: np.random.Generator) -> int:
    """The first sample of a random crop of ``length`` samples from a waveform of ``size`` samples."""
    if size > length:
        return int(generator.integers(size - length + 1))
    return int(generator.integers(size)) if size < length else 0


def wrapped_stretch(wave: Wave, start: int, length: int) -> Wave:
    """``length`` samples from ``start`` on; the waveform is repeated after its end."""
    if length == len(wave) and not start:
        return wave
    if start + length <= len(wave):
        return wave[start : start + length]
    return np.take(wave, np.arange(start, start + length), mode="wrap")


def power(wave: Wave) -> float:
    """Mean square of a waveform."""
    return float(np.mean(np.square(wave, dtype=np.float64)))


def mix(speech: Wave, noise: Wave, snr: float) -> Wave:
    """Add noise at a signal-to-noise ratio of ``snr`` decibels; if noise or speech is silent, return the speech."""
    speech_power, noise_power = power(speech), power(noise)
    if speech_power == 0 or noise_power == 0:
        return speech
    return speech + noise * np.float32(np.sqrt(speech_power / noise_power / 10 ** (snr / 10)))


def convolve(wave: Wave, response: Wave) -> Wave:
    """Convolve by FFT; the result is cut to the length of ``wave``."""
    import scipy.fft  # slow to import, and needed only where sounds are made

    size = scipy.fft.next_fast_len(len(wave) + len(response) - 1, real=True)
    product = scipy.fft.rfft(wave, size) * scipy.fft.rfft(response, size)
    return scipy.fft.irfft(product, size)[: len(wave)].astype(np.float32, copy=False)


def reverberate(wave: Wave, response: Wave) -> Wave:
    """Convolve with a room's impulse response, without its delay, and at the power of the input."""
    direct = int(np.argmax(np.abs(response)))
    wet = convolve(np.pad(wave, (0, direct)), response)[direct:]
    wet_power = power(wet)
    return wet if wet_power == 0 else wet * np.float32(np.sqrt(power(wave) / wet_power))


def colored_noise(length: int, slope: float, generator: np.random.Generator) -> Wave:
    """Noise of power 1, whose spectrum falls by ``slope`` decibels per octave: 0 is white, 3 pink, 6 brown."""
    import scipy.fft  # slow to import, and needed only where sounds are made

    size = scipy.fft.next_fast_len(length, real=True)
    spectrum = scipy.fft.rfft(generator.standard_normal(size, dtype=np.float32))
    frequency = np.arange(len(spectrum), dtype=np.float32)
    frequency[0] = 1.0
    # The spectrum is flat below 50 Hz; otherwise nearly all power of brown noise would lie there.
    spectrum *= np.maximum(frequency, 50 * size / SAMPLE_RATE) ** np.float32(-slope / (20 * np.log10(2)))
    noise = scipy.fft.irfft(spectrum, size)[:length]
    return (noise / np.sqrt(power(noise))).astype(np.float32, copy=False)


def room_response(t60: float, ratio: float, generator: np.random.Generator) -> Wave:
    """Impulse response of a simulated room: the direct sound, then noise that decays exponentially.

    Args:
        t60: reverberation time: seconds in which the reverberation falls by 60 dB.
        ratio: direct-to-reverberant ratio in decibels.
        generator: draws the noise.
    """
    length = max(2, round(t60 * SAMPLE_RATE))
    seconds = np.arange(length, dtype=np.float32) / SAMPLE_RATE
    tail = generator.standard_normal(length, dtype=np.float32) * np.exp(-np.log(1e3) / t60 * seconds)
    tail[: round(0.002 * SAMPLE_RATE)] = 0.0  # no reflection arrives within 2 ms of the direct sound
    energy = float(np.sum(np.square(tail, dtype=np.float64)))
    if energy > 0:
        tail *= np.sqrt(10 ** (-ratio / 10) / energy)
    tail[0] = 1.0
    return tail.astype(np.float32, copy=False)


def channel_response(depth: float, generator: np.random.Generator, *, low: float = 0, high: float = 8_000) -> Wave:
    """Impulse response (256 taps, linear phase) of a microphone or line: smooth, random, optionally band-limited.

    Args:
        depth: standard deviation in decibels of the gains, which are drawn at points an octave apart.
        generator: draws the gains.
        low: lower cutoff frequency in hertz.
        high: upper cutoff frequency in hertz.
    """
    taps = 256
    frequency = np.arange(taps // 2 + 1) * SAMPLE_RATE / taps
    knots = 125.0 * 2 ** np.arange(7)
    gains = np.interp(np.log2(np.maximum(frequency, 125)), np.log2(knots), generator.normal(0, depth, len(knots)))
    passes = (frequency >= low) & (frequency <= high)
    import scipy.fft  # slow to import, and needed only where sounds are made

    response = scipy.fft.irfft(np.where(passes, 10 ** (gains / 20), 1e-3))
    return (np.roll(response, taps // 2) * np.hanning(taps)).astype(np.float32)


def babble(voices: Sequence[Wave], length: int, generator: np.random.Generator) -> Wave:
    """The sum of several voices at equal power, each from a random start. Its power is 1, or 0 without voices."""
    total = np.zeros(length, dtype=np.float32)
    for voice in voices:
        total += _normalized(crop(voice, length, generator))
    return _normalized(total)


def _normalized(wave: Wave) -> Wave:
    level = power(wave)
    return wave if level == 0 else wave / np.float32(np.sqrt(level))

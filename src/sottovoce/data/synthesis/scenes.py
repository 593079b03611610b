"""Acoustic scenes of synthetic speech: room, background and microphone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...quantities import SAMPLE_RATE
from ..audio.acoustics import (
    Wave,
    babble,
    channel_response,
    colored_noise,
    convolve,
    mix,
    power,
    reverberate,
    room_response,
)

_FLOOR = 40.0
"""Signal-to-noise ratio of a good microphone, in decibels."""


def in_room(wave: Wave, others: Sequence[Wave], room: np.random.Generator, moment: np.random.Generator) -> Wave:
    """A dry voice in a room with background noise, recorded by a microphone.

    Args:
        wave: the voice, ``[S]`` at 16 kHz.
        others: voices for background babble.
        room: generator of the values that are the same in all utterances of a session.
        moment: generator of the values that differ between utterances.
    """
    t60, ratio, slope = room.uniform(0.2, 0.8), room.uniform(-3, 8), room.uniform(0, 6)
    crowd, snr, telephone = room.random() < 0.4, room.uniform(6, 20), room.random() < 0.3
    microphone = channel_response(5.0, room, **({"low": 300, "high": 3_400} if telephone else {}))

    wave = reverberate(wave, room_response(t60, ratio, moment))  # speakers move, so the reverberation differs
    if crowd and len(others) > 2:
        chosen = moment.permutation(len(others))[: int(moment.integers(3, 7))]
        noise = babble([others[i] for i in chosen.tolist()], len(wave), moment)
    else:
        noise = colored_noise(len(wave), slope, moment)
    wave = convolve(mix(wave, noise, snr + moment.normal(0, 2)), microphone)
    return at_level(wave, moment.uniform(-32, -20))


def close_talking(wave: Wave, moment: np.random.Generator) -> Wave:
    """A voice close to a good microphone, with a little pink noise, at a random level."""
    return at_level(mix(wave, colored_noise(len(wave), 3.0, moment), _FLOOR), moment.uniform(-30, -22))


def at_level(wave: Wave, decibels: float) -> Wave:
    """Scale to a power in decibels (full scale is 0), or to less where that would clip."""
    level = 10 ** (decibels / 20)
    wave = wave * np.float32(level / np.sqrt(power(wave)))
    return wave * np.float32(min(1.0, 0.99 / np.abs(wave).max()))


def trim(wave: Wave, margin: float = 0.1) -> Wave:
    """Remove all but ``margin`` seconds of the silence around a voice; empty if there is no sound."""
    loud = np.flatnonzero(np.abs(wave) > 0.01 * np.abs(wave).max())
    around = round(margin * SAMPLE_RATE)
    return wave[max(0, loud[0] - around) : loud[-1] + max(around, 1)] if len(loud) else wave[:0]

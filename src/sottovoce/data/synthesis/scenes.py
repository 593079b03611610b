"""Where a voice is heard: in which room, in front of which background, through which microphone."""

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
"""Decibels by which a voice exceeds the noise of a good microphone."""


def in_room(wave: Wave, others: Sequence[Wave], room: np.random.Generator, moment: np.random.Generator) -> Wave:
    """Put a dry voice into a room, in front of its background, through its microphone.

    Args:
        wave: the voice, ``[S]``.
        others: who may talk in the background.
        room: of what stays the same in a session.
        moment: of what is never the same.
    """
    t60, ratio, slope = room.uniform(0.2, 0.8), room.uniform(-3, 8), room.uniform(0, 6)
    crowd, snr, telephone = room.random() < 0.4, room.uniform(6, 20), room.random() < 0.3
    microphone = channel_response(5.0, room, **({"low": 300, "high": 3_400} if telephone else {}))

    wave = reverberate(wave, room_response(t60, ratio, moment))  # people move: the tail is never the same
    if crowd and len(others) > 2:
        chosen = moment.permutation(len(others))[: int(moment.integers(3, 7))]
        noise = babble([others[i] for i in chosen.tolist()], len(wave), moment)
    else:
        noise = colored_noise(len(wave), slope, moment)
    wave = convolve(mix(wave, noise, snr + moment.normal(0, 2)), microphone)
    return at_level(wave, moment.uniform(-32, -20))


def close_talking(wave: Wave, moment: np.random.Generator) -> Wave:
    """Close to a good microphone: a little pink noise, and no two recordings equally loud."""
    return at_level(mix(wave, colored_noise(len(wave), 3.0, moment), _FLOOR), moment.uniform(-30, -22))


def at_level(wave: Wave, decibels: float) -> Wave:
    """Scale to a power (full scale is 0 dB), or less where it would clip."""
    level = 10 ** (decibels / 20)
    wave = wave * np.float32(level / np.sqrt(power(wave)))
    return wave * np.float32(min(1.0, 0.99 / np.abs(wave).max()))


def trim(wave: Wave, margin: float = 0.1) -> Wave:
    """Without the silence around a voice, but for ``margin`` seconds; empty where nothing is louder."""
    loud = np.flatnonzero(np.abs(wave) > 0.01 * np.abs(wave).max())
    around = round(margin * SAMPLE_RATE)
    return wave[max(0, loud[0] - around) : loud[-1] + max(around, 1)] if len(loud) else wave[:0]

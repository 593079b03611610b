"""A sine wave, whose pitch tells where a waveform came from."""

import numpy as np

RATE = 16_000


def tone(seconds, pitch, rate=RATE, level=0.3):
    """``[S]`` float32: a sine of ``pitch`` hertz."""
    return (level * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype(np.float32)

"""Audio files that are too long to be held: heard piece by piece, or in parts that are judged one by one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr
import torch
from torch import Tensor

from ...errors import AudioError
from ...quantities import SAMPLE_RATE, Seconds
from .channels import Channel, resolve_channel
from .channels import select_channel as of_channel
from .decoder import open_audio, truncated_error
from .reading import SilenceWarning, as_waveform, checked_mono, is_silent, log_resampling
from .sources import name_of

LONGEST = 60.0
"""Seconds of a part. No part is much longer than what models learn from."""


def audio_pieces(path: str | Path, seconds: Seconds = 0.1, *, channel: Channel | None = None) -> Iterator[Tensor]:
    """Read a file of any format and rate bit by bit, as a microphone would give it; resampled without seams.

    Args:
        path: the file.
        seconds: of each piece.
        channel: which channel of a file with several, or ``"mix"``.

    Yields:
        ``[S]`` float32 at 16 kHz; some may be empty where the rate is another.

    Raises:
        AudioError: as `read_audio`, as soon as it shows; a file of any length is read, a silent one too.
    """
    done, name = 0, name_of(path)
    with open_audio(path) as file:
        frames, rate = file.frames, file.rate
        resampler = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
        if resampler is not None:
            log_resampling(rate, name)
        while done < frames:
            samples = file.read(min(max(round(seconds * rate), 1), frames - done))
            if not len(samples):
                raise truncated_error(name, frames / rate, done / rate)
            mono = checked_mono(samples, rate, name, channel=channel, start=done / rate)
            done += len(samples)
            yield torch.from_numpy(mono if resampler is None else resampler.resample_chunk(mono, last=done >= frames))


def speech_parts(path: str | Path, *, channel: Channel | None = None) -> Iterator[Tensor]:
    """Equal parts of a file, as few as are not longer than `LONGEST`; a shorter file is one part.

    A part of a longer file that is digital silence is left out: it says nothing about a voice.

    Yields:
        ``[S]`` float32 at 16 kHz.

    Raises:
        AudioError: as `read_audio`; or there is nothing but silence.
    """
    heard = False
    with open_audio(path) as file:
        count = max(-(-file.frames // round(LONGEST * file.rate)), 1)
        listened = resolve_channel(channel, file.channels, file.name)
        for part in range(count):
            size = file.frames * (part + 1) // count - file.frames * part // count
            mono = [of_channel(block, listened) for block in file.blocks(size)]
            with warnings.catch_warnings():
                # Of a part there is nothing to say, of a file it is an error.
                warnings.simplefilter("ignore", SilenceWarning)
                wave = as_waveform(np.concatenate(mono or [np.zeros(0, np.float32)]), file.rate, file.name)
            if not is_silent(wave):
                heard = True
                yield wave
    if not heard:
        raise AudioError(f"{name_of(path)}: digital silence, so there is nothing to score; replace it or leave it out")

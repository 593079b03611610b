"""Audio files too long for memory: read piece by piece, or in parts that are scored one by one."""

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
from .channels import Channel, resolve_channel, select_channel
from .decoder import open_audio, truncated_error
from .reading import SilenceWarning, as_waveform, checked_mono, is_silent, log_resampling
from .sources import name_of

LONGEST = 60.0
"""Maximum length of a part in seconds: not much longer than the utterances that models are trained on."""


def audio_pieces(path: str | Path, seconds: Seconds = 0.1, *, channel: Channel | None = None) -> Iterator[Tensor]:
    """Read a file of any format and rate piece by piece, as a microphone delivers it. Resampling is continuous over pieces.

    Args:
        path: the file.
        seconds: length of each piece in seconds.
        channel: the channel to use of a file with several, or ``"mix"``.

    Yields:
        ``[S]`` float32 at 16 kHz; some may be empty where the file is resampled.

    Raises:
        AudioError: as `read_audio`, but only when reading reaches the fault; long and silent files are no error.
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
    """A file split into as few equal parts as possible, none longer than `LONGEST`; a shorter file is one part.

    Parts that are digital silence are left out, as they hold nothing to score.

    Yields:
        ``[S]`` float32 at 16 kHz.

    Raises:
        AudioError: as `read_audio`; or the whole file is digital silence.
    """
    any_sound = False
    with open_audio(path) as file:
        count = max(-(-file.frames // round(LONGEST * file.rate)), 1)
        chosen = resolve_channel(channel, file.channels, file.name)
        for part in range(count):
            size = file.frames * (part + 1) // count - file.frames * part // count
            mono = [select_channel(block, chosen) for block in file.blocks(size)]
            with warnings.catch_warnings():
                # A silent part is normal; only a silent file is an error.
                warnings.simplefilter("ignore", SilenceWarning)
                wave = as_waveform(np.concatenate(mono or [np.zeros(0, np.float32)]), file.rate, file.name)
            if not is_silent(wave):
                any_sound = True
                yield wave
    if not any_sound:
        raise AudioError(f"{name_of(path)}: digital silence, so there is nothing to score; replace it or leave it out")

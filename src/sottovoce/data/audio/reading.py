"""Reading of audio files in the form that encoders take (one channel, 16 kHz, float32), with checks."""

from __future__ import annotations

import logging
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soxr
from numpy.typing import NDArray

from ...errors import AudioError
from ...quantities import SAMPLE_RATE, Seconds
from .channels import Channel, resolve_channel, select_channel
from .decoder import Decoder, open_audio, open_audio_bytes
from .formats.file_bytes import FileBytes
from .frames import FRAME_LENGTH
from .sources import name_of

if TYPE_CHECKING:
    from torch import Tensor


LARGEST = 2**30
"""Maximum number of samples of one channel in memory at once: 18 hours at 16 kHz."""

_STEP = 1 / 32_768
"""One step of 16-bit audio."""

_log = logging.getLogger(__name__)
_logged_rates: set[int] = set()


class SilenceWarning(UserWarning):
    """The audio is digital silence: it can be read, but there is no speech in it."""


def read_audio(
    path: str | Path, *, channel: Channel | None = None, start: Seconds = 0.0, duration: Seconds | None = None
) -> Tensor:
    """Read a file, or a stretch of it, as a mono waveform at 16 kHz.

    libsndfile reads wav, flac, ogg, opus, mp3 and many more; ffmpeg, where it is installed, reads m4a, mp4, webm, wma,
    aac and others. Other sample rates are resampled by soxr, which is logged once for each rate. Digital silence gives a
    `SilenceWarning`; callers that score the audio refuse silence with `refuse_silence`.

    Args:
        path: the file; or ``-`` for standard input, or a named pipe. The last two are copied to disk first.
        channel: the channel to use of a file with several, counted from 0; ``"mix"`` for the mean of all.
        start: seconds to skip at the beginning.
        duration: seconds to read; ``None`` reads to the end.

    Returns:
        ``[S]`` float32.

    Raises:
        AudioError: the file is missing, empty, not audio or cut off; it has several channels and none was chosen; a
            sample is NaN or infinite; or fewer than 400 samples (one frame) are left at 16 kHz.
    """
    with open_audio(path, thorough=duration is None) as file:
        return _read(file, channel, start, duration)


def decode_audio(
    encoded: bytes, name: str, *, channel: Channel | None = None, start: Seconds = 0.0, duration: Seconds | None = None
) -> Tensor:
    """`read_audio` for the bytes of a file.

    Args:
        encoded: all bytes of the file.
        name: the file's name in error messages.
        channel, start, duration: as `read_audio`.

    Raises:
        AudioError: as `read_audio`.
    """
    with open_audio_bytes(FileBytes.of_bytes(encoded), name, thorough=duration is None) as file:
        return _read(file, channel, start, duration)


def _read(file: Decoder, channel: Channel | None, start: Seconds, duration: Seconds | None) -> Tensor:
    rate, name = file.rate, file.name
    out_of_range = f"{name}: cannot read from {start:g} s for {duration} s of {file.frames / rate:.3f} s"
    if not math.isfinite(start) or not math.isfinite(duration or 0.0):
        raise AudioError(out_of_range)
    first = round(start * rate)
    count = file.frames - first if duration is None else round(duration * rate)
    if first < 0 or count < 0 or first > file.frames:
        raise AudioError(out_of_range)
    count = min(count, file.frames - first)
    if count > LARGEST:
        raise AudioError(f"{name}: {count / rate / 3600:.1f} hours are too much to be held at once; split it")
    chosen = resolve_channel(channel, file.channels, name)
    if first:
        file.seek(first)
    blocks = [select_channel(block, chosen) for block in file.blocks(count)]
    return as_waveform(np.concatenate(blocks) if blocks else np.zeros(0, np.float32), rate, name)


def as_waveform(samples: NDArray[np.float32], rate: int, name: str, *, channel: Channel | None = None) -> Tensor:
    """Check samples that are already in memory and bring them to one channel at 16 kHz.

    Args:
        samples: ``[S]`` or ``[S, channels]``, floating point.
        rate: samples a second.
        name: the name of the audio in error messages.
        channel: which channel of several, counted from 0, or ``"mix"``.

    Returns:
        ``[S]`` float32 at 16 kHz.

    Raises:
        AudioError: as `read_audio`.
    """
    mono = checked_mono(samples[:, None] if samples.ndim == 1 else samples, rate, name, channel=channel)
    if rate != SAMPLE_RATE:
        log_resampling(rate, name)
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    if len(mono) < FRAME_LENGTH:
        raise AudioError(
            f"{name}: too short: {len(mono)} samples at 16 kHz, one frame needs {FRAME_LENGTH} (25 ms); leave it out"
        )
    if is_silent(mono):
        warnings.warn(f"{name}: digital silence ({len(mono) / SAMPLE_RATE:.2f} s)", SilenceWarning, stacklevel=3)
    import torch  # here, because callers that only read headers do not need it

    return torch.from_numpy(mono)


def checked_mono(
    samples: NDArray[np.float32], rate: int, name: str, *, channel: Channel | None = None, start: Seconds = 0.0
) -> NDArray[np.float32]:
    """One channel ``[S]`` of ``samples[S, channels]``, checked.

    Args:
        samples, rate, name, channel: see `as_waveform`.
        start: position of these samples in the file, in seconds.

    Raises:
        AudioError: there are several channels and none was chosen, or there is no such channel; a sample is NaN or infinite.
    """
    mono = select_channel(samples, resolve_channel(channel, samples.shape[1], name))
    if not np.isfinite(mono).all():
        bad = np.flatnonzero(~np.isfinite(mono))
        raise AudioError(
            f"{name}: {len(bad)} of {len(mono)} samples are NaN or infinite (the first at {start + bad[0] / rate:.3f} s); "
            "write the file again or leave it out"
        )
    return mono


def read_speech(path: str | Path, *, channel: Channel | None = None) -> Tensor:
    """`read_audio` for audio that is to be scored: digital silence is refused.

    Raises:
        AudioError: as `read_audio`; or the audio is digital silence.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SilenceWarning)
        waveform = read_audio(path, channel=channel)
    refuse_silence(waveform, name_of(path))
    return waveform


def is_silent(waveform: Tensor | NDArray[np.float32]) -> bool:
    """Whether all samples are equal up to one step of 16-bit audio: zeros, or a constant offset."""
    return bool(waveform.max() - waveform.min() <= _STEP)


def refuse_silence(waveform: Tensor, name: str) -> None:
    """Raise an error for audio that cannot be scored.

    Raises:
        AudioError: the waveform is digital silence.
    """
    if is_silent(waveform):
        raise AudioError(f"{name}: digital silence, so there is nothing to score; replace it or leave it out")


def audio_shape(path: str | Path) -> tuple[int, int, int]:
    """``(samples, rate, channels)`` of all audio in a file; see `sottovoce.data.audio.formats.lengths`.

    Raises:
        AudioError: the file is missing, empty, not audio or, by its header, cut off.
    """
    with open_audio(path) as file:
        return file.frames, file.rate, file.channels


def log_resampling(rate: int, name: str) -> None:
    """Log, once for each rate, that audio is resampled."""
    if rate not in _logged_rates:
        _logged_rates.add(rate)
        _log.warning("%s: %d Hz audio is resampled to %d Hz (said once for this rate)", name, rate, SAMPLE_RATE)
